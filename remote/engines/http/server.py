"""The address and the key of a model server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_VISIBLE = re.compile(r"[!-~]*")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Server:
    """Where an OpenAI-compatible server listens. Raises ValueError when that cannot be."""

    base_url: str
    """"http://127.0.0.1:8000", with or without a path, with or without "/v1" and a slash at its end."""
    socket_path: str | None = None
    """The Unix socket to connect to instead of the host and port of `base_url`."""
    api_key: str = field(default="", repr=False)
    """Sent as a bearer token; empty for none. It is in no message and no repr of ours."""
    ca_file: str = ""
    """File on the box with authorities that are trusted beside the system's; empty for none."""

    def __post_init__(self) -> None:
        # A line break in the key or the URL could add headers to the request.
        if not _VISIBLE.fullmatch(self.api_key):
            raise ValueError("the API key holds a space, a line break or a character beyond ASCII")
        if not _VISIBLE.fullmatch(self.base_url):
            raise ValueError(f"base_url {self.base_url!r} holds a character that no URL has")
        url = self._url
        if "@" in url.netloc:
            raise ValueError(
                "base_url holds a user or a password; the key has a setting of its own"
            )
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError(f"base_url {self.base_url!r} is not like http://host:port/v1")
        if url.query or url.fragment:
            raise ValueError(f"base_url {self.base_url!r} goes on after its path")
        if self.socket_path is not None and self.tls:
            raise ValueError("a Unix socket is spoken to with http, not https")
        _ = self.port  # raises ValueError

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._url.scheme == "https"

    @property
    def host(self) -> str:
        """Name or address to connect to."""
        return self._url.hostname or ""

    @property
    def port(self) -> int:
        """The port to connect to."""
        given = self._url.port
        return _PORTS[self._url.scheme] if given is None else given

    @property
    def host_header(self) -> str:
        """Host and port as base_url writes them."""
        return self._url.netloc

    @property
    def root(self) -> str:
        """The path that "/health" and "/v1/models" come after: "" or like "/llm"."""
        return self._url.path.rstrip("/").removesuffix("/v1").rstrip("/")

    @property
    def label(self) -> str:
        """The server's name in error messages."""
        if self.socket_path is not None:
            return f"the model server at {self.socket_path}"
        return f"the model server at {self._url.scheme}://{self._url.netloc}{self.root}"

    def without_key(self, text: str) -> str:
        """The text with the key made unreadable; servers repeat it in their errors."""
        return text.replace(self.api_key, "[API key]") if self.api_key else text

    @property
    def _url(self) -> SplitResult:
        return urlsplit(self.base_url)
