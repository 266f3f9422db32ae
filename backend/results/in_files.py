"""Reads results and their provenance back from the files that hold them, without a queue.

A result's file tells how it was made, or its sidecar does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.files import read_regular
from backend.results import MOST_BYTES
from backend.results.sidecars import find_sidecars, result_beside
from backend.specs.model import Scan, Spec, SpecFormat
from backend.specs.scan import scan
from remote.protocol import Json


@dataclass(frozen=True, slots=True)
class FileResult:
    """A result as its file and sidecar tell it."""

    spec: Spec
    """The entry of the file that holds the result."""
    prompt: str
    """The upsampled prompt."""
    original: str | None
    """The prompt that was upsampled; None when the files do not say it."""
    provenance: Mapping[str, Json]
    """How it was made; empty when nothing tells it."""

    @property
    def location(self) -> str:
        """The file and entry, for a message about another result."""
        file, entry = self.spec.file, self.spec.entry
        return f"{file}:{entry + 1}" if entry else str(file)


class Sidecars:
    """The provenance in the sidecar files of a folder, or of one result file."""

    def __init__(self, place: Path) -> None:
        """Read all sidecars below `place`. Blocks."""
        self.unreadable: list[tuple[Path, str]] = []
        """The sidecars that cannot be read, each with what is wrong."""
        self.without_result: list[tuple[Path, Path]] = []
        """The sidecars whose result is gone, each with the path of the result."""
        self._provenance: dict[Path, dict[int, Mapping[str, Json]]] = {}
        """What the sidecars say, by result file and entry."""
        for file in find_sidecars(place):
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
            self.unreadable.append((file, f"it is no sidecar file: {type(error).__name__}"))
            return
        is_known = result in self._provenance
        self._provenance[result] = entries
        if not result.exists() and not is_known:
            self.without_result.append((file, result))


def scan_results(place: Path, sidecars: Sidecars) -> Scan:
    """Find the entries of all files below a folder, or of one file, that may be results. Blocks."""
    # A text is always taken when it is named; in the folder alone it might count as no prompt.
    return scan([place, *sidecars.results], Path.cwd())


def read_result(spec: Spec, sidecars: Sidecars) -> FileResult:
    """Return what the entry of a file tells as a result. Blocks."""
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
    return FileResult(spec, prompt, kept, provenance)


def _raw_prompt_spec(spec: Spec) -> Mapping[str, Json]:
    """Read the JSON object of a spec's file again; empty when that has become impossible."""
    try:
        raw = json.loads(read_regular(spec.file, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}
