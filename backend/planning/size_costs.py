"""Says what each size costs against the context, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass

from backend.sizes import CATEGORIES, AspectRatio, Size
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


def category_matrix(
    *,
    text: int,
    limit: int,
    reserve: int,
    frames: int = 2,
    rule: VisionRule = PIXTRAL,
    overhead: int = OVERHEAD,
) -> tuple[CategoryRow, ...]:
    """Check each Cosmos size, largest category first: 5 categories × 5 aspect ratios = 25 rows."""
    rows = []
    for category, sizes in CATEGORIES.items():
        for aspect, size in sizes.items():
            budget = Budget(limit, reserve, text, rule.vision_tokens(size, frames), overhead)
            check = SizeCheck(size, frames, LINEAR.vision_tokens(size, frames), budget)
            rows.append(CategoryRow(category, aspect, check))
    return tuple(rows)
