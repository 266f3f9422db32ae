"""The pieces of a report: any provenance is read, any object has an outline, plots keep their edges."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.results.lints import Span
from backend.results.marked_outline import OutlineNode, mark_outline
from backend.results.marked_text import marked_result
from backend.results.report.how_made import read_provenance
from backend.results.report.plots import HEIGHT, WIDTH, plots_of
from backend.results.report.reported import Reported
from backend.results.word_diff import diff_words
from backend.specs.outline import MOST_PARTS, outline_object
from remote.protocol import Json
from tests.support.reported_results import provenance_of, reported_prompt, reported_result

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(changes=st.dictionaries(st.sampled_from(sorted(provenance_of())), VALUES, max_size=4))
def test_whatever_a_provenance_says_is_told(changes: dict[str, Json]) -> None:
    made = read_provenance(provenance_of() | changes)
    assert made.rating is None
    assert made.pace is None or made.pace >= 0
    plots_of(
        Reported(
            (reported_prompt("dusk", "dusk", reported_result("A dusk.", None, (), **changes)),)
        )
    )


def test_values_that_cannot_be_true_are_not_told() -> None:
    huge = 10**5000
    made = read_provenance(
        provenance_of(
            seed=huge,
            rating=6,
            cost=float("nan"),
            temperature=True,
            tokens={"answer_reported": -3},
            frames=[{"time": 0.5}, {}],
        )
    )
    assert (made.seed, made.rating, made.cost, made.temperature) == (None, None, None, None)
    assert (made.answer_tokens, made.prompt_tokens, made.frames) == (None, None, ())


def leaves(nodes: tuple[OutlineNode, ...]) -> list[str]:
    return [
        text
        for node in nodes
        for text in (leaves(node.below) or ["".join(piece.text for piece in node.value)])
    ]


@settings(max_examples=30)
@given(value=st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_every_object_has_an_outline(value: dict[str, Json]) -> None:
    told = " ".join(leaves(mark_outline(outline_object(value), "a red car")))
    for leaf in value.values():
        if isinstance(leaf, str):
            assert leaf in told


def test_an_outline_is_bounded_in_depth_and_number() -> None:
    deep: Json = "end"
    for _ in range(200):
        deep = [deep, {}]
    deepest = str(outline_object({"a": deep}))
    assert len(deepest) < 10_000
    many = outline_object({str(n): n for n in range(3 * MOST_PARTS)})
    assert len(many) == MOST_PARTS + 1
    assert many[-1].key == "…"


@settings(max_examples=30)
@given(
    original=st.text(max_size=30),
    result=st.text(max_size=30),
    ends=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=3),
)
def test_marked_pieces_joined_are_the_text(
    original: str, result: str, ends: list[tuple[int, int]]
) -> None:
    spans = [Span(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]]
    pieces = marked_result(diff_words(original, result).result, spans)
    assert "".join(piece.text for piece in pieces) == result


def test_bars_and_limits_stay_within_the_plot() -> None:
    results = [
        reported_result("a dusk " * n, tokens={"answer_reported": n**3, "answer_limit": 9_000})
        for n in range(1, 20)
    ]
    plots = plots_of(Reported((reported_prompt("dusk", "dusk", *results),)))
    assert [plot.title.partition(",")[0] for plot in plots.histograms] == [
        "Answer",
        "Length of the result",
        "Pace",
    ]
    for plot in plots.histograms:
        assert sum(bar.times for bar in plot.bars) == len(results)
        for bar in plot.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
            assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT
        assert all(0 <= mark.x <= WIDTH for mark in (*plot.ticks, *plot.limits))
