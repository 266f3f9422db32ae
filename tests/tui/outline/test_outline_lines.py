"""An outline in lines: values beside their labels, folded parts, what happens on a time line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from backend.results.key_diff import compare_prompts
from backend.results.marked_outline import mark_outline
from backend.specs.outline import TimeSpan, outline_in
from tests.tui.outline.scene import OTHER_SCENE, SCENE
from tui.outline.outline_lines import lay_out_outline, wrap_pieces
from tui.outline.shown_parts import ShownPart, shown_comparison, shown_outline, time_bar


def shown(prompt: str = SCENE, original: str = "") -> list[ShownPart]:
    return shown_outline(mark_outline(outline_in(prompt), original))


def text_of(parts: list[ShownPart], width: int = 60, *folded: tuple[str, ...]) -> list[str]:
    lines = lay_out_outline(parts, folded, width).lines
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_values_stand_beside_their_labels_and_actions_on_a_time_line() -> None:
    assert text_of(shown(), 58) == [
        "▼ subjects  2 parts",
        "  ▼ 1  3 parts",
        "      description  A yellow tower crane",
        "      pose  upright",
        "      number of subjects  1",
        "  ▼ 2  2 parts",
        "      description  A worker in a red vest",
        "      pose  kneels beside a cable drum",
        "▼ lighting  2 parts",
        "    conditions  overcast, soft",
        "    direction  –",
        "▼ cinematography  2 parts",
        "    camera motion  slow push in",
        "    lens focal length  35 mm",
        "▼ actions  2 parts",
        "    0:00-0:03 ━━━━━·····  The crane turns to the left.",
        "    0:03-0:07 ····━━━━━━  It lowers its hook to the",
        "      worker.",
        "  fps  24",
    ]


def test_a_folded_part_takes_one_line_that_says_what_it_is_about() -> None:
    lines = text_of(shown(), 60, ("subjects", "1"), ("lighting",))
    assert lines[1] == "  ▶ 1  3 parts  A yellow tower crane"
    assert lines[2] == "  ▼ 2  2 parts"
    assert "▶ lighting  2 parts  overcast, soft" in lines


def test_the_words_of_the_prompt_are_marked() -> None:
    lines = lay_out_outline(shown(original="a crane at noon"), (), 60).lines
    assert ("crane", "kept") in lines[2]


def test_values_that_differ_stand_below_one_another() -> None:
    compared = shown_comparison(compare_prompts(SCENE, OTHER_SCENE))
    lines = text_of(compared, 60, ("subjects",))
    assert lines == [
        "▶ subjects  the same  A yellow tower crane",
        "▼ lighting  1 different",
        "    conditions  − overcast, soft",
        "      + hard noon sun, soft",
        "    direction  –",
        "▼ cinematography  1 different",
        "    camera motion  slow push in",
        "    lens focal length  − 35 mm",
        "▼ actions  1 different",
        "    0:00-0:03  − The crane turns to the left.",
        "      + The crane turns to the right.",
        "    0:03-0:07  It lowers its hook to the worker.",
        "  fps  24",
    ]
    styles = dict(piece for line in lay_out_outline(compared, (), 60).lines for piece in line)
    assert (styles["right"], styles["left"]) == ("added", "removed")


@pytest.mark.parametrize(
    ("begin", "end", "length", "bar"),
    [
        (0, 7, 7, "━━━━━━━━━━"),
        (0, 0, 7, "━·········"),
        (7, 7, 7, "·········━"),
        (3.5, 7, 7, "·····━━━━━"),
        (9, 3, 9, "·········━"),
        (0, 0, 0, "━·········"),
    ],
)
def test_a_time_line_shows_when_something_happens(
    begin: float, end: float, length: float, bar: str
) -> None:
    assert "".join(text for text, _ in time_bar(TimeSpan(begin, end), length)) == bar


PIECES = st.lists(
    st.tuples(st.text("ab 漢\n", max_size=12), st.sampled_from(["x", "y"])), max_size=5
)


@given(PIECES, st.integers(2, 20))
def test_no_line_is_too_wide_and_no_character_but_spaces_is_lost(
    pieces: list[tuple[str, str]], width: int
) -> None:
    lines = ["".join(text for text, _ in line) for line in wrap_pieces(pieces, width)]
    assert all(cell_len(line) <= width for line in lines)
    whole = "".join(text for text, _ in pieces)
    assert "".join("".join(lines).split()) == "".join(whole.split())


@given(st.integers(1, 80))
def test_every_width_has_lines_for_every_part(width: int) -> None:
    laid_out = lay_out_outline(shown(), (), width)
    assert sum(placed.count for placed in laid_out.parts) == len(laid_out.lines)
    assert all(placed.count for placed in laid_out.parts)
