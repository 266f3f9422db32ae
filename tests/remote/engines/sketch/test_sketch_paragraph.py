from __future__ import annotations

import re
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.engines.sketch import phrases
from remote.engines.sketch.appearance import Colour, Detail, Light, Palette
from remote.engines.sketch.drift import Drift
from remote.engines.sketch.measure import Measurements
from remote.engines.sketch.motion import FrameChange, View
from remote.engines.sketch.paragraph import (
    Voice,
    close_sentence,
    cut_to_words,
    join_names,
    split_pieces,
    write_paragraph,
)

EVEN = (1 / 9,) * 9
STILL = FrameChange(View.STILL, 1.0, 0, 0, 1, 0, (), None, 0)
PAN = FrameChange(View.SHIFTS, 1.0, -0.1, 0, 1, 0, (), None, 0)
CUT = FrameChange(View.CUT, 1.0, 0, 0, 1, 0, (), None, 0.2)
ZOOM = FrameChange(View.NEARS, 1.0, 0, 0, 1.3, 0, (), None, 0)
CORNER = (0.9, 0.1, 0, 0, 0, 0, 0, 0, 0)
MOVING = FrameChange(View.STILL, 1.0, 0, 0, 1, 0.1, CORNER, Drift(0.1, 0), 0)


def paragraph(prompt: str, found: Measurements | None, voice: Voice, most_words: int = 300) -> str:
    return write_paragraph(prompt, found, voice, most_words)


def seen(*changes: FrameChange) -> Measurements:
    return Measurements(
        width=640,
        height=360,
        light=Light(mean=0.15, spread=0.8, deviation=0.2, black=0.3, white=0),
        palette=Palette((Colour("navy", 0.7, 0.1), Colour("gold", 0.3, 0.1)), 0.1, -0.05),
        detail=Detail(0.05, CORNER),
        changes=changes,
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "a forklift moves crates",
        "Rain.",
        "two\nlines\n\n of  it",
        "雨の港",
        "«Где снег?»",
        "{x} %s \\",
    ],
)
def test_the_prompt_is_kept_to_the_letter(prompt: str) -> None:
    assert paragraph(f"  {prompt}\n", seen(STILL), Voice("key")).startswith(prompt)


@pytest.mark.parametrize(
    ("prompt", "closed"),
    [
        ("dusk", "dusk."),
        ("dusk!", "dusk!"),
        ('he says "go."', 'he says "go."'),
        ("a (red) cup (left)", "a (red) cup (left)."),
        ("雨の港", "雨の港。"),
        ("雨の港。", "雨の港。"),
        ("बारिश।", "बारिश।"),
        ("dusk,", "dusk,"),
        ("", ""),
    ],
)
def test_a_full_stop_comes_only_where_none_is(prompt: str, closed: str) -> None:
    assert close_sentence(prompt) == closed


def test_the_facts_are_said() -> None:
    text = paragraph("a dock", seen(MOVING), Voice("key")).lower()
    for fact in ("dark", "stark", "about a third", "navy and gold", "cool", "upper left", "right"):
        assert fact in text


def test_another_key_says_the_same_facts_in_other_words() -> None:
    one, other = (paragraph("a dock", seen(MOVING), Voice(key)) for key in ("1", "2"))
    assert one != other
    for fact in ("dark", "stark", "navy and gold", "upper left", "to the right"):
        assert fact in one.lower()
        assert fact in other.lower()


def test_the_same_key_says_it_in_the_same_words() -> None:
    assert paragraph("a dock", seen(PAN), Voice("1", 2)) == paragraph(
        "a dock", seen(PAN), Voice("1", 2)
    )


def test_the_next_candidate_never_repeats_the_one_before() -> None:
    texts = [paragraph("a dock", seen(PAN), Voice("1", candidate)) for candidate in range(6)]
    assert all(one != other for one, other in pairwise(texts))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((STILL, STILL), r"static|does not change|locked"),
        ((PAN,), r"(pans|moves) steadily to the right"),
        ((ZOOM,), r"closer|zooms in"),
        ((PAN, CUT, STILL), r"right.*(Then|After that|As the video).*(cut|cuts) to"),
        ((), r"[Ss]till|single"),
    ],
)
def test_what_the_camera_does_is_said(changes: tuple[FrameChange, ...], said: str) -> None:
    for number in range(5):
        text = paragraph("a dock", seen(*changes), Voice("key", number))
        assert re.search(said, text)


def test_a_single_frame_is_not_said_to_move_or_to_last() -> None:
    for number in range(5):
        text = paragraph("a dock", seen(), Voice("key", number))
        assert not re.search(r"camera|moves|pans|pace|rhythm|constant|steady|progress", text)


def test_without_frames_nothing_is_said_of_the_picture() -> None:
    for number in range(3):
        text = paragraph("a dock", None, Voice("key", number))
        assert text.startswith("a dock. ")
        assert not re.search(r"color|light|camera|contrast|detail|frame|wide", text)


def test_an_empty_prompt_opens_with_the_shape_of_the_frame() -> None:
    assert re.match(r"The video (shows|presents) .*wide", paragraph(" ", seen(STILL), Voice("key")))


def test_facts_without_room_are_left_unsaid_and_no_sentence_breaks_off() -> None:
    whole = paragraph("a dock", seen(MOVING), Voice("key"))
    short = paragraph("a dock", seen(MOVING), Voice("key"), most_words=60)
    assert len(short.split()) <= 60 < len(whole.split())
    assert short.endswith(".")
    assert set(short.split(". ")) <= set(whole.removesuffix(".").split(". ")) | {
        short.split(". ")[-1]
    }


def test_no_notice_stands_in_the_paragraph() -> None:
    assert "model" not in paragraph("a dock", seen(MOVING), Voice("key"))


every_change = st.builds(
    FrameChange,
    view=st.sampled_from(View),
    seconds=st.floats(0, 10),
    right=st.floats(-0.5, 0.5),
    down=st.floats(-0.5, 0.5),
    scale=st.just(1.0),
    moving=st.floats(0, 1),
    where=st.sampled_from([EVEN, CORNER]),
    drift=st.one_of(st.none(), st.builds(Drift, st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))),
    brighter=st.floats(-0.3, 0.3),
)
share = st.floats(0, 1)
everything = st.builds(
    Measurements,
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    light=st.builds(Light, share, share, share, share, share),
    palette=st.builds(
        Palette,
        st.lists(
            st.builds(Colour, st.sampled_from(["navy", "gold", "red"]), share, st.floats(0, 0.3)),
            min_size=1,
            max_size=5,
        ).map(tuple),
        chroma=st.floats(0, 0.3),
        warmth=st.floats(-0.3, 0.3),
    ),
    detail=st.builds(Detail, st.floats(0, 0.5), st.sampled_from([EVEN, CORNER])),
    changes=st.lists(every_change, max_size=6).map(tuple),
)


@given(everything, st.integers(0, 50))
def test_whatever_is_seen_reads_as_sentences(whatever: Measurements, candidate: int) -> None:
    text = paragraph("A dock", whatever, Voice("key", candidate))
    assert not re.search(r"[{}]|  | [,.;]|,,|,\.|\.\.|\bNone\b", text)
    assert all(sentence[0] in string.ascii_uppercase for sentence in text.split(". "))
    assert text.endswith(".")
    assert 50 <= len(text.split()) <= 200


@given(st.text(max_size=60), st.integers(0, 12))
def test_a_cut_text_is_a_beginning_of_at_most_so_many_words(text: str, limit: int) -> None:
    short, cut = cut_to_words(text, limit)
    assert text.startswith(short)
    assert len(short.split()) <= limit or not cut
    assert cut == (len(re.findall(r"\S+", text)) > limit)


@given(st.text(alphabet="ab \n", max_size=60).filter(str.strip))
def test_the_pieces_are_the_text(text: str) -> None:
    assert "".join(split_pieces(text)) == text


def test_names_are_joined_as_in_a_sentence() -> None:
    assert [join_names(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]


def test_every_subject_has_more_than_one_wording() -> None:
    for name, value in vars(phrases).items():
        if name.isupper() and isinstance(value, tuple):
            assert len(set(value)) > 1, name
