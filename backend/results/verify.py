"""Whether a folder of results is whole: each is there, can be read, says how it was made, and is no stub.

Looks at files alone, so that it works on a folder that was copied from another machine. Who has the queue
may give what was written, to find out what is gone.
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
from backend.results.writing import MOST_BYTES
from backend.specs.model import Spec, SpecFormat
from backend.specs.reading import SIDECAR_SUFFIX
from backend.specs.scan import scan
from remote.protocol import Json

_ALWAYS_SAID = (
    "program", "written_by", "engine", "profile", "model", "box", "frames", "tokens", "temperature",
    "seed", "candidate", "finish_reason", "ended", "runner", "job",
)  # fmt: skip
"""Keys that the provenance of every version has."""
_NUMBERED = re.compile(r"(.+)-[1-9][0-9]*")
"""The stem of a candidate's own file; the chosen one is in a second file without the number."""


class Check(StrEnum):
    """What is looked at; the value is what is wrong when it fails."""

    PRESENT = "missing"
    PARSES = "cannot be read"
    PROVENANCE = "provenance incomplete"
    PROMPT = "prompt lost"
    TOKENS = "tokens differ"
    WHOLE = "cut off"
    UNIQUE = "duplicate"


@dataclass(frozen=True, slots=True)
class ResultFault:
    """One thing that is wrong."""

    check: Check
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One result, or a file that none could be read from."""

    file: Path
    entry: int | None
    """Its position in the file, from 0; None for a file as a whole."""
    name: str
    faults: tuple[ResultFault, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass(slots=True)
class _Result:
    """A result with what belongs to it."""

    file: Path
    entry: int
    name: str
    prompt: str
    original: str | None
    """The prompt that it was made of; None when that is not kept."""
    provenance: Mapping[str, Json]
    faults: list[ResultFault] = field(default_factory=list)

    @property
    def place(self) -> str:
        """For a message about another result."""
        return f"{self.file}:{self.entry + 1}" if self.entry else str(self.file)


def verify_results(folder: Path, written: Collection[Path] = ()) -> tuple[Verified, ...]:
    """Look at every result below `folder`, or in this one file. Blocks.

    `written` are files that must be there.
    """
    found = scan([folder], Path.cwd())
    verified = [
        Verified(broken.file, None, broken.file.name, (ResultFault(Check.PARSES, broken.problem),))
        for broken in found.broken
    ]
    verified += [
        Verified(file, None, file.name, (ResultFault(Check.PRESENT, "it was written and is gone"),))
        for file in sorted(written)
        if not file.exists()
    ]
    sidecars = _Sidecars(folder)
    verified += sidecars.verified
    results = [_result(spec, sidecars) for spec in found.specs]
    for result in results:
        result.faults += _faults_of(result)
    _find_duplicates(results)
    verified += [Verified(r.file, r.entry, r.name, tuple(r.faults)) for r in results]
    return tuple(sorted(verified, key=lambda each: (str(each.file), each.entry or 0)))


class _Sidecars:
    """What the files beside results say, by result file and entry."""

    def __init__(self, folder: Path) -> None:
        self.verified: list[Verified] = []
        """Those with something wrong."""
        self._told: dict[Path, dict[int, Mapping[str, Json]]] = {}
        pattern = f"*{SIDECAR_SUFFIX}"
        files = folder.rglob(pattern) if folder.is_dir() else folder.parent.glob(pattern)
        for file in sorted(files):
            if folder.is_dir() or file.name == folder.with_suffix(SIDECAR_SUFFIX).name:
                self._read(file)

    def of(self, spec: Spec) -> Mapping[str, Json] | None:
        """What is said about this result; None for nothing."""
        return self._told.get(spec.file, {}).get(spec.entry)

    def _read(self, file: Path) -> None:
        try:
            content = json.loads(read_regular(file, MOST_BYTES))
            result = file.with_name(Path(str(content["file"])).name)
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
            fault = ResultFault(Check.PARSES, f"it is no file of ours: {type(error).__name__}")
            self.verified.append(Verified(file, None, file.name, (fault,)))
            return
        self._told[result] = entries
        if not result.exists():
            fault = ResultFault(Check.PRESENT, f"{file.name} speaks of it, and it is gone")
            self.verified.append(Verified(result, None, result.name, (fault,)))


def _result(spec: Spec, sidecars: _Sidecars) -> _Result:
    beside = sidecars.of(spec)
    raw = _raw_prompt_spec(spec) if spec.format is SpecFormat.PROMPT_SPEC else {}
    metadata = raw.get("metadata")
    inside = metadata.get("upsample") if isinstance(metadata, dict) else None
    provenance = inside if isinstance(inside, dict) else beside or {}
    original: Json = None
    if spec.format is SpecFormat.PROMPT_SPEC:
        original = raw.get("parent_prompt_text")
    elif beside is not None:
        original = beside.get("prompt")
    kept = original if isinstance(original, str) else None
    return _Result(spec.file, spec.entry, spec.name, spec.prompt, kept, provenance)


def _raw_prompt_spec(spec: Spec) -> Mapping[str, Json]:
    """The file's object: it was read as one a moment ago."""
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
    """Whether the profile's counts are upper estimates; also when it is not known here."""
    try:
        return not isinstance(profile, str) or load_profile(profile).family.estimated
    except ConfigError:
        return True


def _find_duplicates(results: Sequence[_Result]) -> None:
    """Note it on the later one of two that are the same answer, or the same text for two prompts."""
    jobs: dict[str, _Result] = {}
    texts: dict[str, _Result] = {}
    for result in results:
        job, text = result.provenance.get("job"), " ".join(result.prompt.split())
        first = jobs.setdefault(job, result) if isinstance(job, str) else result
        if first is result and result.provenance and text:
            first = texts.setdefault(text, result)
        if first is not result and not _is_choice(first.file, result.file):
            result.faults.append(ResultFault(Check.UNIQUE, f"the same as {first.place}"))


def _is_choice(one: Path, other: Path) -> bool:
    """Whether one is a candidate's own file and the other the one for the candidate that is chosen."""
    if one.parent != other.parent:
        return False
    stems = [_NUMBERED.fullmatch(one.stem), _NUMBERED.fullmatch(other.stem)]
    return any(
        numbered is not None and numbered[1] == plain.stem
        for numbered, plain in zip(stems, (other, one), strict=True)
    )
