"""Caches parsed specs, so that 100,000 need not be read again at each start. One thread reads at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backend.files import file_stamp
from backend.files.index import Index, is_text
from backend.specs.model import UNSAID, Mode, Spec, SpecFormat, Target
from backend.specs.reading import Finding, read_file, read_in_parts
from backend.specs.tables import is_table
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns

_PART = 1_000
"""How many specs of a file are returned together."""

_TargetFields = tuple[str | None, float | None, int | None, str | None, str | None, str | None]
"""The fields of a Target."""
_Fields = tuple[
    str, int, int, str, str, str | None, dict[str, str], bool, str | None, _TargetFields | None
]
"""The fields of a Spec except its file; the target is None where the file says nothing of it."""
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError)
"""Exceptions that a damaged row may raise."""


class SpecIndex:
    """`read_file` with a cache."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "specs")
        self._paths: dict[str, Path] = {}
        """Paths by their text: specs often share videos, and a look-up is faster than a new Path."""

    def read(
        self, file: Path, cwd: Path, columns: WantedColumns = ANY_COLUMNS
    ) -> Iterator[tuple[Finding, ...]]:
        """Return the findings of `read_in_parts` so that the first is there before the last is made."""
        if is_table(file):  # it may have a million rows
            yield from read_in_parts(file, cwd, columns)
            return
        absolute = os.path.abspath(os.path.join(cwd, file))  # noqa: PTH100, PTH118
        stamp = _stamp(absolute, str(cwd))
        known = self._index.get(absolute, stamp) if stamp and is_text(absolute) else None
        given = 0
        if known is not None:
            with suppress(*_DAMAGED):
                for part in known.split("\n"):
                    entries: list[_Fields] = json.loads(part)
                    specs = tuple(self._spec(fields, file) for fields in entries)
                    yield specs
                    given += len(specs)
                return
        found = read_file(file, cwd)
        if stamp and is_text(absolute) and (fields := _fields_of(found)):
            parts = (fields[start : start + _PART] for start in range(0, len(fields), _PART))
            self._index.put(absolute, stamp, "\n".join(map(json.dumps, parts)))
        yield found[given:]

    def close(self) -> None:
        """Save the new rows, and close the file."""
        self._index.close()

    def _spec(self, fields: _Fields, file: Path) -> Spec:
        kind, entry, line, name, prompt, video, controls, upsampled, written, said = fields
        return Spec(
            _FORMATS[kind],
            file,
            entry,
            line,
            name,
            prompt,
            self._path(video) if video else None,
            {control: self._path(path) for control, path in controls.items()},
            upsampled,
            written_prompt=written,
            target=_target(said) if said else UNSAID,
        )

    def _path(self, text: str) -> Path:
        path = self._paths.get(text)
        if path is None:
            path = self._paths[text] = Path(text)
        return path


_FORMATS = {str(kind): kind for kind in SpecFormat}


def _target(fields: _TargetFields) -> Target:
    mode, fps, num_frames, resolution, aspect_ratio, negative_prompt = fields
    kind = Mode(mode) if mode else None
    return Target(kind, fps, num_frames, resolution, aspect_ratio, negative_prompt)


def _target_fields(target: Target) -> _TargetFields | None:
    if target == UNSAID:
        return None
    return (
        *(target.mode, target.fps, target.num_frames),
        *(target.resolution, target.aspect_ratio, target.negative_prompt),
    )


def _stamp(path: str, cwd: str) -> str:
    """Return the file's identity (`file_stamp`) and the working directory, on which its paths depend."""
    stamp = file_stamp(path)
    return stamp and f"{stamp} {cwd}"


def _fields_of(findings: Iterable[Finding]) -> list[_Fields]:
    """Return the fields of a file's specs; empty when they must not be cached.

    A spec with a prompt file depends on that, and a finding that is an error may depend on anything.
    """
    fields: list[_Fields] = []
    for spec in findings:
        if not isinstance(spec, Spec) or spec.prompt_file is not None:
            return []
        video = str(spec.video) if spec.video else None
        controls = {name: str(path) for name, path in spec.controls.items()}
        fields.append(
            (
                spec.format,
                spec.entry,
                spec.line,
                spec.name,
                spec.prompt,
                video,
                controls,
                spec.is_upsampled,
                spec.written_prompt,
                _target_fields(spec.target),
            )
        )
    return fields
