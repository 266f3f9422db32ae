"""Says what each size costs against the context, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.sizes import CATEGORIES, COSMOS3_SIZES, AspectRatio, Size
from backend.specs.model import SpecFormat
from backend.tokens.budget import OVERHEAD, Budget, Verdict
from backend.tokens.vision_tokens import LINEAR, PIXTRAL, VisionRule


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """How many tokens frames of one size cost."""

    size: Size
    frames: int
    linear: int
    """Vision tokens by the users' rule of thumb, for comparison."""
    budget: Budget
    """Tokens by the model's own rule."""

    @property
    def verdict(self) -> Verdict:
        """Whether the size fits by the model's own rule."""
        return self.budget.verdict


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One of the sizes that Cosmos is trained on, and what it costs."""

    category: int
    aspect: AspectRatio
    check: SizeCheck


SizeTable = Mapping[int, Mapping[AspectRatio, Size]]


def sizes_for(spec_format: SpecFormat) -> SizeTable:
    """Return the sizes that the generator of specs of this format makes.

    Those of Cosmos 3 are 4 categories of 5 aspect ratios, those of Cosmos-Transfer1 5 of 5.
    """
    return COSMOS3_SIZES if spec_format is SpecFormat.COSMOS3 else CATEGORIES


def category_matrix(
    *,
    text: int,
    limit: int,
    reserve: int,
    frames: int = 2,
    rule: VisionRule = PIXTRAL,
    overhead: int = OVERHEAD,
    table: SizeTable = CATEGORIES,
) -> tuple[CategoryRow, ...]:
    """Check each size of the table, largest category first; `sizes_for` says which table is a spec's."""
    rows = []
    for category, sizes in table.items():
        for aspect, size in sizes.items():
            budget = Budget(limit, reserve, text, rule.vision_tokens(size, frames), overhead)
            check = SizeCheck(size, frames, LINEAR.vision_tokens(size, frames), budget)
            rows.append(CategoryRow(category, aspect, check))
    return tuple(rows)
