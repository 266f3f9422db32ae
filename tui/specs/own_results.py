"""Which files of the list are results of ours, and of which files they are the results. No widgets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path

from tui.specs.rows import Row


class OwnResults:
    """The results of ours, by their absolute paths as strings."""

    def __init__(self, listed: Mapping[str, Sequence[int]]) -> None:
        """`listed` are the numbers of the rows of each file; it is looked at again after every change."""
        self._listed = listed
        self._sources: dict[str, str] = {}
        """The file of the specs, by the file of the results."""
        self._with_specs: frozenset[int] | None = frozenset()
        """What `with_specs` has found; None when it must be found again."""

    def __contains__(self, file: str) -> bool:
        return file in self._sources

    @property
    def with_specs(self) -> Set[int]:
        """The numbers of the results whose specs are listed, too, in another file."""
        if self._with_specs is None:
            self._with_specs = frozenset(
                number
                for file, source in self._sources.items()
                if file != source and source in self._listed
                for number in self._listed.get(file, ())
            )
        return self._with_specs

    def look_again(self) -> None:
        """Forget which results' specs are listed, because the list changes."""
        self._with_specs = None

    def without_those_of_listed(self, rows: list[Row]) -> list[Row]:
        """Return the rows without the results whose specs are listed: each belongs to its spec's row."""
        hidden = self.with_specs
        return [row for row in rows if row.number not in hidden] if hidden else rows

    def note_listed(self, file: str) -> bool:
        """Note that a file has one more row; return whether it is a result."""
        if self._sources:
            self._with_specs = None
        return file in self._sources

    def take(
        self, files: Mapping[Path, Path], among: Collection[Path] | None = None
    ) -> Collection[str]:
        """Take over results, each with the file of its specs; of the files `among` (None: of all), no others
        are any. Returns the files that may have become results or ceased to be.
        """
        taken = {str(file): str(source) for file, source in files.items()}
        self._with_specs = None
        if among is None:
            changed = {*self._sources, *taken}
            self._sources = taken
            return changed
        looked_at = {str(file) for file in among}
        for file in looked_at:
            self._sources.pop(file, None)
        self._sources |= taken
        return looked_at
