"""The texts of the review about a result that is a JSON object, beside its outline."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from backend.results.key_diff import ComparedPart, KeyChange, compare_objects, count_changes
from backend.results.marked_outline import mark_outline
from backend.results.word_diff import words
from backend.specs.json_prompts import prompt_lines
from backend.specs.outline import outline_in
from tui.outline.shown_parts import ShownPart, shown_comparison, shown_outline
from tui.text import MUTED, paragraphs

_BEFORE_STYLE = "bold $text-error"
_AFTER_STYLE = "bold $text-success"


def compared_keys(original: str, result: str, other: str | None) -> Sequence[ComparedPart]:
    """Compare a result with another one, or with the prompt where there is no other; return nothing where
    one of the two is no JSON object.
    """
    return compare_objects(original if other is None else other, result) or ()


def shown_object(original: str, result: str, compared: Sequence[ComparedPart]) -> list[ShownPart]:
    """Return the outline of a result: as it is compared, or with the words of the prompt marked."""
    if compared:
        return shown_comparison(compared)
    return shown_outline(mark_outline(outline_in(result), original))


def plain_original(original: str) -> Content:
    """Return the original prompt of a result that is a JSON object, in which no word is marked."""
    return Content.assemble(
        ("Original", "bold"),
        (f"  {len(words(original)):,} words", MUTED),
        "\n\n",
        paragraphs(prompt_lines(original)),
    )


def object_heading(result: str, compared: Sequence[ComparedPart], against: str) -> Content:
    """Return what stands above the outline of a JSON object: its size, or how much of it is different.

    `against` names what it is compared with.
    """
    if not compared:
        size = f"  JSON, {len(result):,} characters in the file"
        return Content.assemble(("Result", "bold"), (size, MUTED), "\n")
    counts = count_changes(compared)
    different = counts.total() - counts[KeyChange.SAME]
    return Content.assemble(
        ("Result", "bold"),
        (f"  {different:,} of {counts.total():,} values different: ", MUTED),
        (f"− {against}", _BEFORE_STYLE),
        (", ", MUTED),
        ("+ this one", _AFTER_STYLE),
        "\n",
    )
