"""Verifies a folder of results: each result exists, can be read, says how it was made, and is not cut off.

It reads only files, so that it works on a folder that was copied from another machine. A caller that has the
queue can pass the files that were written, to find those that are missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.config.profiles import load_profile
from backend.errors import ConfigError
from backend.results.in_files import FileResult, Sidecars, read_result, scan_results
from remote.protocol import Json

_ALWAYS_SAID = (
    "program", "written_by", "engine", "profile", "model", "box", "frames", "tokens", "temperature",
    "seed", "candidate", "finish_reason", "ended", "runner", "job",
)  # fmt: skip
"""Keys that the provenance of each version has."""
_NUMBERED = re.compile(r"(.+)-[1-9][0-9]*")
"""The stem of a candidate's own file; the chosen candidate is also in a file without the number."""


class Check(StrEnum):
    """A check of a result; the value says what is wrong when the check fails."""

    PRESENT = "missing"
    PARSES = "cannot be read"
    PROVENANCE = "provenance incomplete"
    PROMPT = "prompt lost"
    TOKENS = "tokens differ"
    WHOLE = "cut off"
    UNIQUE = "duplicate"


@dataclass(frozen=True, slots=True)
class ResultFault:
    """A check that failed for a result."""

    check: Check
    detail: str
    """What is wrong, in words."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The faults of one result, or of a file from which no result could be read."""

    file: Path
    entry: int | None
    """The result's position in the file, from 0; None for a file as a whole."""
    name: str
    faults: tuple[ResultFault, ...]

    @property
    def is_whole(self) -> bool:
        """Whether no check failed."""
        return not self.faults


def verify_results(folder: Path, written: Collection[Path] = ()) -> tuple[Verified, ...]:
    """Verify each result below `folder`, or in this one file. Blocks.

    `written` are files that must exist.
    """
    sidecars = Sidecars(folder)
    found = scan_results(folder, sidecars)
    verified = [_broken(broken.file, Check.PARSES, broken.problem) for broken in found.broken]
    verified += [
        _broken(file, Check.PRESENT, "it was written and is gone")
        for file in sorted(written)
        if not file.exists()
    ]
    verified += [_broken(file, Check.PARSES, problem) for file, problem in sidecars.unreadable]
    verified += [
        _broken(gone, Check.PRESENT, f"{sidecar.name} names it, and it is gone")
        for sidecar, gone in sidecars.without_result
    ]
    verified += [
        Verified(left.file, left.entry, left.file.name, (ResultFault(Check.PROMPT, left.reason),))
        for left in found.skipped
        if left.entry is not None and sidecars.find(left.file, left.entry) is not None
    ]
    results = [read_result(spec, sidecars) for spec in found.specs]
    duplicates = _duplicates(results)
    for n, result in enumerate(results):
        spec, faults = result.spec, tuple(_faults_of(result))
        faults += (duplicates[n],) if n in duplicates else ()
        verified.append(Verified(spec.file, spec.entry, spec.name, faults))
    return tuple(sorted(verified, key=lambda each: (str(each.file), each.entry or 0)))


def _broken(file: Path, check: Check, detail: str) -> Verified:
    """Return the fault of a file as a whole."""
    return Verified(file, None, file.name, (ResultFault(check, detail),))


def _faults_of(result: FileResult) -> Iterator[ResultFault]:
    if not result.provenance:
        yield ResultFault(Check.PROVENANCE, "nothing tells how it was made: is it a result?")
        return
    missing = [key for key in _ALWAYS_SAID if key not in result.provenance]
    frames = result.provenance.get("frames")
    if frames and not result.provenance.get("size_sent"):
        missing.append("size_sent")
    if missing:
        yield ResultFault(Check.PROVENANCE, f"it lacks {', '.join(missing)}")
    yield from _prompt_faults(result)
    yield from _token_faults(result.provenance)
    if result.provenance.get("finish_reason") == "length":
        yield ResultFault(
            Check.WHOLE, "the answer ended at its limit, and not where the model ended it"
        )


def _prompt_faults(result: FileResult) -> Iterator[ResultFault]:
    if result.original is None:
        yield ResultFault(Check.PROMPT, "the prompt that it was made of is not kept")
    elif result.original == result.prompt:
        yield ResultFault(Check.PROMPT, "the prompt is the one that it was made of")
    if not result.prompt.strip():
        yield ResultFault(Check.PROMPT, "the upsampled prompt is empty")


def _token_faults(provenance: Mapping[str, Json]) -> Iterator[ResultFault]:
    tokens = provenance.get("tokens")
    if not isinstance(tokens, dict):
        return
    counted, told = tokens.get("prompt_estimated"), tokens.get("prompt_reported")
    if not (isinstance(counted, int) and isinstance(told, int)) or counted == told:
        return
    if told < counted and _is_estimated(provenance.get("profile")):
        return
    yield ResultFault(Check.TOKENS, f"{counted:,} were counted, and the engine counted {told:,}")


def _is_estimated(profile: Json) -> bool:
    """Whether the profile's token counts are upper estimates; True for a profile that is not known here."""
    try:
        return not isinstance(profile, str) or load_profile(profile).family.estimated
    except ConfigError:
        return True


def _duplicates(results: Sequence[FileResult]) -> dict[int, ResultFault]:
    """Return a fault for each result whose answer, or whose text, an earlier result has already."""
    jobs: dict[str, FileResult] = {}
    texts: dict[str, FileResult] = {}
    found: dict[int, ResultFault] = {}
    for n, result in enumerate(results):
        job, text = result.provenance.get("job"), " ".join(result.prompt.split())
        first = jobs.setdefault(job, result) if isinstance(job, str) else result
        if first is result and result.provenance and text:
            first = texts.setdefault(text, result)
        if first is not result and not _may_be_alike(first, result):
            found[n] = ResultFault(Check.UNIQUE, f"the same as {first.location}")
    return found


def _may_be_alike(one: FileResult, other: FileResult) -> bool:
    """Whether two results may be the same: two controls of one prompt and video ask for one answer."""
    return _is_choice(one.spec.file, other.spec.file) or one.spec.controls != other.spec.controls


def _is_choice(one: Path, other: Path) -> bool:
    """Whether one is a candidate's own file, and the other the file for the chosen candidate."""
    if one.parent != other.parent:
        return False
    stems = [_NUMBERED.fullmatch(one.stem), _NUMBERED.fullmatch(other.stem)]
    return any(
        numbered is not None and numbered[1] == plain.stem
        for numbered, plain in zip(stems, (other, one), strict=True)
    )
