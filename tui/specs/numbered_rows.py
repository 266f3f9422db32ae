"""The rows of the list by their numbers, each held as an object or packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from backend.specs.model import Kind, Spec
from tui.specs.packed_rows import PackedRow
from tui.specs.packs import MOST_SPECS, PACKED_KIND, Pack, can_be_packed
from tui.specs.rows import HeldRow, Row
from tui.specs.shared_plans import SharedPlans


class NumberedRows(Mapping[int, Row]):
    """The rows by their numbers. A number that was given once is not given again."""

    def __init__(self) -> None:
        self._kept: list[HeldRow | Pack | None] = []
        """What each number has, None for a row that was removed. A list, since a dict takes 40 bytes each."""
        self._count = 0
        self.longest_name = 0
        """Characters of the longest name that there ever was."""
        self.kinds: set[Kind] = set()
        """The formats and modes that there ever were."""
        self._shared = SharedPlans()

    def add(self, specs: Sequence[Spec]) -> list[Row]:
        """Add specs, and return their rows."""
        numbers = range(len(self._kept), len(self._kept) + len(specs))
        self._kept += [None] * len(specs)
        self._count += len(specs)
        self.longest_name = max(self.longest_name, *(len(spec.name) for spec in specs), 0)
        self.put(list(zip(numbers, specs, strict=True)))
        return self.of(numbers)

    def of(self, numbers: Iterable[int]) -> list[Row]:
        """Return the rows of these numbers, all of which are there."""
        # Written out, which takes half as long as one look-up after the other.
        kept = self._kept
        return [
            PackedRow(place, number) if isinstance(place, Pack) else place
            for number in numbers
            if (place := kept[number]) is not None
        ]

    def put(self, specs: Iterable[tuple[int, Spec]]) -> None:
        """Put specs in the rows of these numbers, which have neither plans nor jobs then."""
        for file, together in groupby(enumerate(specs), _pack_of):
            numbered = [pair for _, pair in together]
            if file is None:
                for number, spec in numbered:
                    self._kept[number] = HeldRow(spec, number=number)
                    self.kinds.add(spec.kind)
                continue
            self.kinds.add(PACKED_KIND)
            for start in range(0, len(numbered), MOST_SPECS):
                part = numbered[start : start + MOST_SPECS]
                first = part[0][0]
                pack = Pack(first, [spec for _, spec in part], self._shared)
                self._kept[first : first + len(part)] = [pack] * len(part)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove rows."""
        for number in numbers:
            self._kept[number] = None
            self._count -= 1

    def __getitem__(self, number: int) -> Row:
        kept = self._kept[number] if 0 <= number < len(self._kept) else None
        if kept is None:
            raise KeyError(number)
        return PackedRow(kept, number) if isinstance(kept, Pack) else kept

    def __contains__(self, number: object) -> bool:
        return (
            isinstance(number, int)
            and 0 <= number < len(self._kept)
            and self._kept[number] is not None
        )

    def __iter__(self) -> Iterator[int]:
        return (number for number, kept in enumerate(self._kept) if kept is not None)

    def __len__(self) -> int:
        return self._count


def _pack_of(placed: tuple[int, tuple[int, Spec]]) -> tuple[Path, int] | None:
    """Return a key that is equal for neighbours which can stand in one pack; None for what cannot."""
    position, (number, spec) = placed
    return (spec.file, number - position) if can_be_packed(spec) else None
