"""What each of Cosmos' sizes costs."""

from __future__ import annotations

from backend.planning.size_costs import category_matrix
from backend.sizes import AspectRatio
from backend.tokens import LINEAR, Verdict


def test_the_matrix_shows_which_cosmos_sizes_fit() -> None:
    rows = category_matrix(text=16, limit=4096, reserve=300)
    assert len(rows) == 25
    by_place = {(row.category, row.aspect): row.check for row in rows}
    wide = by_place[720, AspectRatio.WIDE]
    assert (wide.budget.prompt_tokens, wide.linear) == (4699, 31_178)
    assert wide.verdict is Verdict.EXCEEDS
    assert by_place[720, AspectRatio.SQUARE].budget.prompt_tokens == 7339
    assert {row.check.verdict for row in rows if row.category <= 512} == {Verdict.FITS}
    assert all(row.check.linear == LINEAR.vision_tokens(row.check.size, 2) for row in rows)
