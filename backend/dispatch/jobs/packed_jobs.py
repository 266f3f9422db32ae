"""Keeps the jobs of a run in little memory: some hundred bytes each, which become a Job when it is needed."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, MutableMapping

from backend.generation import Generation
from backend.specs.model import Target
from backend.store import Job, State

_RECENT = 500
"""How many jobs are kept unpacked, because each is asked for several times while it is in flight."""
_SHARED = (type, State, Target, Generation)
"""What thousands of jobs share, besides the settings."""


class PackedJobs(MutableMapping[int, Job]):
    """The jobs by number."""

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self._recent: dict[int, Job] = {}
        self._shared = _Shared()

    def __getitem__(self, number: int) -> Job:
        if number not in self._recent:
            job = self._shared.unpack(self._packed[number])
            if len(self._recent) >= _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[number] = job
        return self._recent[number]

    def __setitem__(self, number: int, job: Job) -> None:
        self._recent.pop(number, None)
        self._packed[number] = self._shared.pack(job)

    def __delitem__(self, number: int) -> None:
        del self._packed[number]
        self._recent.pop(number, None)

    def __contains__(self, number: object) -> bool:
        return number in self._packed

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class _Shared:
    """Packs jobs, and keeps once what they share."""

    def __init__(self) -> None:
        self.parts: list[object] = []
        self._places: dict[int, int] = {}
        """The place of each part, by its id: equal parts may be spelled otherwise, as 24 and 24.0 are."""

    def pack(self, job: Job) -> bytes:
        packed = io.BytesIO()
        _Packer(packed, self, job.settings).dump(job)
        return packed.getvalue()

    def unpack(self, packed: bytes) -> Job:
        job = _Unpacker(io.BytesIO(packed), self).load()
        assert isinstance(job, Job)  # noqa: S101 - for mypy
        return job

    def place_of(self, part: object) -> int:
        """Return the place of a part, which is kept from now on."""
        place = self._places.setdefault(id(part), len(self.parts))
        if place == len(self.parts):
            self.parts.append(part)
        return place


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shared: _Shared, settings: str) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._shared = shared
        self._settings = settings

    def persistent_id(self, part: object) -> int | None:
        is_shared = isinstance(part, _SHARED) or part is self._settings
        return self._shared.place_of(part) if is_shared else None


class _Unpacker(pickle.Unpickler):  # of what this process has packed
    def __init__(self, file: io.BytesIO, shared: _Shared) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, place: int) -> object:
        return self._shared.parts[place]
