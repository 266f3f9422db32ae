"""Downloads the file at one address into an open file, within limits. Everything here blocks.

Whoever answers may be hostile: redirects lead only to https and to machines that may be reached, the answer's
size is bounded whatever it claims, and it is taken as it is, never unpacked.
"""

from __future__ import annotations

import ssl
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import BinaryIO
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from backend import __version__
from backend.errors import MediaError
from backend.fetching.connection import CheckedConnection, Network, NotGlobal, StopSignal

MOST_BYTES = 2 << 30
"""The largest file that is fetched."""
MOST_REDIRECTS = 5

_CHUNK = 1 << 18
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a server that may answer a later try."""
_HEADERS = {
    "User-Agent": f"upsample/{__version__}",
    "Accept": "video/*, image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
}
_DOWNLOAD = "Download it, and name the file."
_KEPT_IN_ADDRESSES = "%/:=&?~#+!$,;'@()*[]"


class Dropped(Exception):
    """The server could not be reached, or broke off. `str` says how; a later try may succeed."""


def download(
    address: str, file: BinaryIO, network: Network, stop: StopSignal, most: int = MOST_BYTES
) -> None:
    """Write what the server at an https address answers into `file`.

    Raises MediaError when the file cannot be had, and Dropped when it may be had by another try.
    """
    try:
        _follow(address, file, network, stop, most)
    except ssl.SSLCertVerificationError as error:
        raise MediaError(
            f"{address} is not fetched: the server's certificate does not count "
            f"({error.verify_message}).",
            _DOWNLOAD,
        ) from None
    except NotGlobal as error:
        raise MediaError(
            f"{address} is not fetched: {error}.",
            "Nothing is fetched from this machine, its network or a cloud's own services: copy the file, and "
            "name it.",
        ) from None
    except (InvalidURL, ValueError) as error:  # a port that is no number, a name of over 63 letters
        raise MediaError(f"{address} is no address that can be asked: {error}.") from None
    except ssl.SSLEOFError:
        raise Dropped("the connection broke before the end") from None
    except TimeoutError:
        raise Dropped("the server says nothing") from None
    except HTTPException as error:
        raise Dropped(f"the answer breaks off or is no HTTP ({type(error).__name__})") from None
    except OSError as error:
        raise Dropped(error.strerror or str(error) or "the connection broke") from None


def _follow(address: str, file: BinaryIO, network: Network, stop: StopSignal, most: int) -> None:
    where = address
    for _ in range(MOST_REDIRECTS + 1):
        parts = _checked(where, address)
        assert parts.hostname is not None  # noqa: S101 - it was checked
        connection = CheckedConnection(parts.hostname, parts.port or 443, network, stop)
        with closing(connection):
            path = quote(parts.path or "/", safe=_KEPT_IN_ADDRESSES)
            query = f"?{quote(parts.query, safe=_KEPT_IN_ADDRESSES)}" if parts.query else ""
            connection.request(
                "GET", path + query,
                headers=_HEADERS,
            )  # fmt: skip
            with closing(connection.getresponse()) as response:
                target = response.getheader("Location")
                if response.status not in _REDIRECTS or target is None:
                    _refuse(response, address, most)
                    _copy(response, file, address, most)
                    return
                where = urljoin(where, target)
    raise MediaError(
        f"{address} is not fetched: it leads on more than {MOST_REDIRECTS} times.", _DOWNLOAD
    )


def _checked(where: str, address: str) -> SplitResult:
    """Take an address apart. `address` is the one in the spec, which may have led to it."""
    parts = urlsplit(where)
    what = "" if where == address else f" it leads to {parts.scheme}://{parts.hostname or ''}, and"
    if parts.scheme != "https":
        raise MediaError(f"{address} is not fetched:{what} only https is.", _DOWNLOAD)
    if not parts.hostname:
        raise MediaError(f"{address} is not fetched:{what} it names no server.", _DOWNLOAD)
    if "@" in parts.netloc:
        raise MediaError(
            f"{address} is not fetched:{what} a user or a password in an address is not sent.",
            _DOWNLOAD,
        )
    return parts


def _refuse(response: HTTPResponse, address: str, most: int) -> None:
    """Raise MediaError for an answer that is no file, and Dropped where another try may bring it."""
    if response.status != HTTPStatus.OK:
        says = f"the server answers {_words(response.status)}"
        if response.status in _BUSY:
            raise Dropped(says)
        raise MediaError(f"{address} is not fetched: {says}.", "Check the address in the spec.")
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise MediaError(
            f"{address} is not fetched: the server sends it packed, which was not asked for.",
            _DOWNLOAD,
        )
    if response.length is not None and response.length > most:
        raise _too_large(address, most)


def _copy(response: HTTPResponse, file: BinaryIO, address: str, most: int) -> None:
    left = most
    while chunk := response.read(min(_CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise _too_large(address, most)
        try:
            file.write(chunk)
        except OSError as error:
            raise MediaError(f"{address} cannot be kept: {error.strerror}") from None
    if response.length:
        raise Dropped("the connection broke before the end")


def _too_large(address: str, most: int) -> MediaError:
    return MediaError(
        f"{address} is larger than {most >> 20:,} MiB, the most that is fetched.", _DOWNLOAD
    )


def _words(status: int) -> str:
    """Return the status with its usual words: those of the server may be anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
