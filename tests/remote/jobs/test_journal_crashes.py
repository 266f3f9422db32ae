"""Whenever a daemon dies over its journal, the next one finds the old state or the new one.

The folder is copied before and after every call that changes it, and in the middle of a write; each copy is
what a kill at that moment leaves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from remote.jobs.journal import Journal
from remote.jobs.records import scan
from remote.protocol import Json

FEW: list[Json] = list("abcd")
_CALLS = ("open", "ftruncate", "fsync", "replace", "unlink")


class Moments:
    """A journal's folder, and how it was at each moment."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.calls: list[str] = []
        """What was called, without `open`."""
        self._patch = patch
        self._copies: list[Path] = []

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def when(self, do: Callable[[], object]) -> Iterator[Journal]:
        """Do this, and open the journal as it was left at each moment of it."""
        with self._patch.context() as patch:
            for name in _CALLS:
                patch.setattr(os, name, self._watched(name, getattr(os, name)))
            patch.setattr(os, "pwrite", self._in_halves(os.pwrite))
            do()
        assert self._copies
        for copy in self._copies:
            with closing(Journal(copy / "journal")) as journal:
                assert not (copy / "journal.mended").exists()
                yield journal

    def _watched(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            if name != "open":
                self.calls.append(name)
            self._keep()
            result = real(*arguments, **named)
            self._keep()
            return result

        return call

    def _in_halves(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(descriptor: int, data: bytes, offset: int) -> int:
            self.calls.append("pwrite")
            self._keep()
            real(descriptor, data[: len(data) // 2], offset)
            self._keep()
            return real(descriptor, data, offset)

        return call

    def _keep(self) -> None:
        copy = self.folder.with_name(f"moment-{len(self._copies)}")
        shutil.copytree(self.folder, copy)
        self._copies.append(copy)


@pytest.fixture
def moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moments:
    (tmp_path / "state").mkdir()
    moments = Moments(tmp_path / "state", monkeypatch)
    with closing(Journal(moments.journal)) as journal:
        for job in FEW:
            journal.append("test", {"job": job, "text": "x" * 100})
    return moments


def jobs(journal: Journal) -> list[Json]:
    return [record.body["job"] for record in journal.read() if record.body["type"] == "test"]


def test_a_record_is_there_or_it_is_not(moments: Moments) -> None:
    with closing(Journal(moments.journal)) as journal:
        found = [jobs(left) for left in moments.when(lambda: journal.append("test", {"job": "e"}))]
    assert found[0] == FEW
    assert found[-1] == [*FEW, "e"]
    assert all(some in (FEW, [*FEW, "e"]) for some in found)
    assert moments.calls == ["pwrite", "fsync"]


def test_records_are_dropped_together_or_not_at_all(moments: Moments) -> None:
    with closing(Journal(moments.journal)) as journal:
        before = journal.id
        found = [(jobs(left), left.id) for left in moments.when(lambda: journal.drop({1, 3}))]
    assert found[0] == (FEW, before)
    assert found[-1][0] == ["b", "d"]
    assert all((some == FEW) == (name == before) for some, name in found)
    assert all(some in (FEW, ["b", "d"]) for some, _ in found)
    assert moments.calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("at_the_end", [True, False])
def test_damage_is_mended_and_told_however_often_the_mending_is_cut_short(
    moments: Moments, *, at_the_end: bool
) -> None:
    whole = moments.journal.read_bytes()
    records, _ = scan(whole)
    hit = records[-1] if at_the_end else records[2]
    damaged = whole[hit.offset + 1 : hit.end]
    moments.journal.write_bytes(whole[: hit.offset] + damaged + whole[hit.end :])
    left = [job for job in FEW if job != hit.body["job"]]
    for journal in moments.when(lambda: Journal(moments.journal).close()):
        assert jobs(journal) == left
        assert journal.id != records[0].body["id"]
    aside = moments.folder.glob("journal.damaged-*")
    assert [file.read_bytes() for file in aside] == [damaged]


def test_a_journal_is_made_or_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    moments = Moments(tmp_path / "state", monkeypatch)
    for journal in moments.when(lambda: Journal(moments.journal).close()):
        assert jobs(journal) == []
        journal.append("test", {"job": "later"})
        assert jobs(journal) == ["later"]
