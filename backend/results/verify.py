"""Verifies a folder of results: each result exists, can be read, says how it was made, and is not cut off.

It reads only files, so that it works on a folder that was copied from another machine. A caller that has the
queue can pass the files that were written, to find those that are missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backend.config.profiles import load_profile
from backend.errors import ConfigError
from backend.files import read_regular
from backend.results.sidecars import find_sidecars, result_beside
from backend.results.writing import MOST_BYTES
from backend.specs.model import Spec, SpecFormat
from backend.specs.scan import scan
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


@dataclass(slots=True)
class _Result:
    """A result that was read, with its provenance and its faults."""

    file: Path
    entry: int
    name: str
    prompt: str
    original: str | None
    """The prompt that was upsampled; None when the files do not say it."""
    provenance: Mapping[str, Json]
    faults: list[ResultFault] = field(default_factory=list)

    @property
    def location(self) -> str:
        """The file and entry, for a message about another result."""
        return f"{self.file}:{self.entry + 1}" if self.entry else str(self.file)


def verify_results(folder: Path, written: Collection[Path] = ()) -> tuple[Verified, ...]:
    """Verify each result below `folder`, or in this one file. Blocks.

    `written` are files that must exist.
    """
    sidecars = _Sidecars(folder)
    # A text is always taken when it is named; in the folder alone it might count as no prompt.
    found = scan([folder, *sidecars.results], Path.cwd())
    verified = [
        Verified(broken.file, None, broken.file.name, (ResultFault(Check.PARSES, broken.problem),))
        for broken in found.broken
    ]
    verified += [
        Verified(file, None, file.name, (ResultFault(Check.PRESENT, "it was written and is gone"),))
        for file in sorted(written)
        if not file.exists()
    ]
    verified += sidecars.verified
    verified += [
        Verified(left.file, left.entry, left.file.name, (ResultFault(Check.PROMPT, left.reason),))
        for left in found.skipped
        if left.entry is not None and sidecars.find(left.file, left.entry) is not None
    ]
    results = [_result(spec, sidecars) for spec in found.specs]
    for result in results:
        result.faults += _faults_of(result)
    _find_duplicates(results)
    verified += [Verified(r.file, r.entry, r.name, tuple(r.faults)) for r in results]
    return tuple(sorted(verified, key=lambda each: (str(each.file), each.entry or 0)))


class _Sidecars:
    """The provenance in the sidecar files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.verified: list[Verified] = []
        """The faults of the sidecar files, and of results that are missing."""
        self._provenance: dict[Path, dict[int, Mapping[str, Json]]] = {}
        """What the sidecars say, by result file and entry."""
        for file in find_sidecars(folder):
            self._read(file)

    @property
    def results(self) -> list[Path]:
        """The result files that the sidecars tell of, and that exist."""
        return [file for file in self._provenance if file.exists()]

    def find(self, file: Path, entry: int) -> Mapping[str, Json] | None:
        """Return what a sidecar says about this result; None when no sidecar mentions it."""
        return self._provenance.get(file, {}).get(entry)

    def _read(self, file: Path) -> None:
        try:
            content = json.loads(read_regular(file, MOST_BYTES))
            result = result_beside(file, str(content["file"]))
            entries: dict[int, Mapping[str, Json]] = {
                int(each["entry"]): dict(each) for each in content["results"]
            }
        except (
            OSError,
            ArithmeticError,
            ValueError,
            LookupError,
            TypeError,
            RecursionError,
        ) as error:
            fault = ResultFault(Check.PARSES, f"it is no sidecar file: {type(error).__name__}")
            self.verified.append(Verified(file, None, file.name, (fault,)))
            return
        is_known = result in self._provenance
        self._provenance[result] = entries
        if not result.exists() and not is_known:
            fault = ResultFault(Check.PRESENT, f"{file.name} names it, and it is gone")
            self.verified.append(Verified(result, None, result.name, (fault,)))


def _result(spec: Spec, sidecars: _Sidecars) -> _Result:
    in_sidecar = sidecars.find(spec.file, spec.entry)
    raw = _raw_prompt_spec(spec) if spec.format is SpecFormat.PROMPT_SPEC else {}
    metadata = raw.get("metadata")
    in_file = metadata.get("upsample") if isinstance(metadata, dict) else None
    provenance = in_file if isinstance(in_file, dict) else in_sidecar or {}
    original: Json = None
    if spec.format is SpecFormat.PROMPT_SPEC:
        original = raw.get("parent_prompt_text")
    elif in_sidecar is not None:
        original = in_sidecar.get("prompt")
    kept = original if isinstance(original, str) else None
    prompt = spec.prompt if spec.written_prompt is None else spec.written_prompt
    return _Result(spec.file, spec.entry, spec.name, prompt, kept, provenance)


def _raw_prompt_spec(spec: Spec) -> Mapping[str, Json]:
    """Read the JSON object of a spec's file again; empty when that has become impossible."""
    try:
        raw = json.loads(read_regular(spec.file, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _faults_of(result: _Result) -> Iterator[ResultFault]:
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


def _prompt_faults(result: _Result) -> Iterator[ResultFault]:
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


def _find_duplicates(results: Sequence[_Result]) -> None:
    """Add a fault to a result whose answer, or whose text, an earlier result has already."""
    jobs: dict[str, _Result] = {}
    texts: dict[str, _Result] = {}
    for result in results:
        job, text = result.provenance.get("job"), " ".join(result.prompt.split())
        first = jobs.setdefault(job, result) if isinstance(job, str) else result
        if first is result and result.provenance and text:
            first = texts.setdefault(text, result)
        if first is not result and not _is_choice(first.file, result.file):
            result.faults.append(ResultFault(Check.UNIQUE, f"the same as {first.location}"))


def _is_choice(one: Path, other: Path) -> bool:
    """Whether one is a candidate's own file, and the other the file for the chosen candidate."""
    if one.parent != other.parent:
        return False
    stems = [_NUMBERED.fullmatch(one.stem), _NUMBERED.fullmatch(other.stem)]
    return any(
        numbered is not None and numbered[1] == plain.stem
        for numbered, plain in zip(stems, (other, one), strict=True)
    )
