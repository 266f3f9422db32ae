"""Fetches the file at an address once, and keeps it if it is a video or a picture."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.addresses import address_of
from backend.errors import InputError, MediaError
from backend.fetching.connection import Network, StopSignal
from backend.fetching.download import MOST_BYTES, Dropped, download
from backend.files import make_private_folder
from backend.video import probe
from backend.video.frame_cache import drawing_folder
from backend.video.kept_media import fetched_folder, kept_name, note_use_of_kept

_KEPT_FREE = 1 << 30
"""Bytes of the disk that are left free, however many files specs name."""
_ENDING = 5.0
"""Seconds in which a thread that was told to stop is waited for."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one address may take."""

    most_bytes: int = MOST_BYTES
    seconds: float = 1800.0
    """For all tries together."""
    pauses: Sequence[float] = (1.0, 5.0)
    """Seconds between two tries; there is one try more than pauses."""


class Fetcher:
    """Fetches for one run. Jobs that name one address wait for one download."""

    def __init__(self, network: Network | None = None, limits: FetchLimits | None = None) -> None:
        self._network = network or Network()
        self._limits = limits or FetchLimits()
        self._fetching: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fetch(self, path: Path) -> None:
        """Fetch what a path with an address leads to, unless it is kept already; other paths stay alone.

        Raises MediaError when it cannot be had or is neither a video nor a picture. When this is cancelled,
        the download stops.
        """
        address = address_of(path)
        if address is None:
            return
        async with self._fetching[kept_name(address)]:
            if not await asyncio.to_thread(_is_kept, address):
                await self._fetch(address)

    async def _fetch(self, address: str) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.seconds):
                for pause in limits.pauses:
                    try:
                        return await self._try(address)
                    except Dropped:
                        await asyncio.sleep(pause)
                return await self._try(address)
        except Dropped as dropped:
            raise MediaError(
                f"{address} cannot be fetched: {dropped} ({len(limits.pauses) + 1} tries).",
                "Try again later (`upsample queue retry`), or download it, and name the file.",
            ) from None
        except TimeoutError:
            raise MediaError(
                f"{address} cannot be fetched within {limits.seconds:g} s.",
                "Download it, and name the file.",
            ) from None

    async def _try(self, address: str) -> None:
        stop = StopSignal()
        work = asyncio.ensure_future(asyncio.to_thread(self._download, address, stop))
        try:
            await asyncio.shield(work)
        finally:
            if not work.done():
                stop.ask()
                await asyncio.wait([work], timeout=_ENDING)
                work.add_done_callback(_forget)

    def _download(self, address: str, stop: StopSignal) -> None:
        """Download the file, and give it its name when it is whole. Blocks."""
        name = kept_name(address)
        try:
            make_private_folder(fetched_folder().parent)
            make_private_folder(fetched_folder())
            folder = Path(os.path.realpath(fetched_folder()))
            with drawing_folder(folder) as parts:
                part = parts / name
                most = min(self._limits.most_bytes, _room(folder, address))
                with os.fdopen(_create(part), "wb") as file:
                    download(address, file, self._network, stop, most)
                    file.flush()
                    os.fsync(file.fileno())
                _require_media(part, address)
                part.rename(parts.parent / name)
        except (OSError, InputError) as error:
            if isinstance(error, MediaError):
                raise
            raise MediaError(f"{address} cannot be kept in {fetched_folder()}: {error}") from None


def _is_kept(address: str) -> bool:
    file = fetched_folder() / kept_name(address)
    note_use_of_kept(file)
    return file.is_file()


def _room(folder: Path, address: str) -> int:
    """Return how many bytes may be written to this folder's disk. Raises MediaError where that is nothing."""
    room = shutil.disk_usage(folder).free - _KEPT_FREE
    if room <= 0:
        raise MediaError(
            f"{address} is not fetched: less than {_KEPT_FREE >> 20:,} MiB are free for {folder}.",
            "Make room, for instance with `upsample cache clear`, and send it again.",
        )
    return room


def _create(part: Path) -> int:
    return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _require_media(part: Path, address: str) -> None:
    """Raise MediaError, which names the address, when a file is neither a video nor a picture."""
    try:
        probe(part)
    except MediaError as error:
        raise MediaError(error.problem.replace(str(part), address), error.remedy) from None


def _forget(work: asyncio.Future[None]) -> None:
    """Take note of how a thread ended that nobody waits for any more."""
    if not work.cancelled():
        work.exception()
