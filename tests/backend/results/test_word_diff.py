"""Which words of a prompt a result kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.results.word_diff import MOST_WORDS, DiffKind, DiffPiece, diff_words, words

# Words that come again, so that texts have something in common.
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["a", "Red", "car", ",", "雨の夜", "don't", "\n", "x-ray", "."])).map(
        " ".join
    ),
)


def of(pieces: Iterable[DiffPiece], *changes: DiffKind) -> list[str]:
    return [word for piece in pieces if piece.change in changes for word in words(piece.text)]


def marked(pieces: Iterable[DiffPiece], change: DiffKind) -> list[str]:
    return [piece.text for piece in pieces if piece.change is change]


def test_words_are_kept_lost_and_added() -> None:
    diff = diff_words("a quiet red harbour", "A wide, quiet harbour at dawn")
    assert marked(diff.original, DiffKind.KEPT) == ["a quiet ", " harbour"]
    assert marked(diff.original, DiffKind.REMOVED) == ["red"]
    assert marked(diff.result, DiffKind.ADDED) == ["wide,", "at dawn"]
    assert diff.lost == 1


def test_a_word_that_stands_elsewhere_is_not_lost() -> None:
    diff = diff_words("rain on a red car", "A red car in the rain")
    assert marked(diff.original, DiffKind.MOVED) == ["rain"]
    assert marked(diff.original, DiffKind.REMOVED) == ["on"]
    assert marked(diff.result, DiffKind.MOVED) == ["rain"]
    assert (diff.lost, diff.taken_up) == (0, 3)


def test_each_character_of_a_text_without_spaces_is_a_word() -> None:
    diff = diff_words("雨の夜", "雨の長い夜。")
    assert marked(diff.result, DiffKind.KEPT) == ["雨の", "夜"]
    assert marked(diff.result, DiffKind.ADDED) == ["長い", "。"]


@pytest.mark.parametrize("word", ["don't", "low-angle", "it’s"])
def test_a_word_with_an_apostrophe_or_a_hyphen_is_one(word: str) -> None:
    assert words(word) == [word]


def test_long_texts_are_compared_as_far_as_is_bearable() -> None:
    text = " ".join(f"word{n}" for n in range(MOST_WORDS + 10))
    diff = diff_words(text, text)
    assert len(of(diff.result, DiffKind.KEPT)) == MOST_WORDS
    assert len(of(diff.result, DiffKind.MOVED)) == 10
    assert diff.lost == 0


def test_texts_that_go_round_in_circles_are_compared_at_their_beginnings() -> None:
    # All of it would take a minute.
    diff = diff_words("word " * 1500, "a word b " * 500)
    assert 50 < len(of(diff.result, DiffKind.KEPT)) < 500
    assert diff.lost == 0


@given(TEXTS, TEXTS)
def test_the_pieces_are_the_texts(original: str, result: str) -> None:
    diff = diff_words(original, result)
    assert "".join(piece.text for piece in diff.original) == original
    assert "".join(piece.text for piece in diff.result) == result


@given(TEXTS, TEXTS)
def test_without_what_was_added_and_lost_both_texts_say_the_same(
    original: str, result: str
) -> None:
    diff = diff_words(original, result)
    assert of(diff.original, DiffKind.KEPT) == of(diff.result, DiffKind.KEPT)


@given(TEXTS, TEXTS)
def test_only_words_that_are_nowhere_in_the_result_are_lost(original: str, result: str) -> None:
    diff = diff_words(original, result)
    there = set(words(result))
    assert not set(of(diff.result, DiffKind.ADDED)) & set(words(original))
    assert not set(of(diff.original, DiffKind.REMOVED)) & there
    assert set(of(diff.original, DiffKind.MOVED)) <= there


@given(TEXTS)
def test_a_text_keeps_all_of_itself(text: str) -> None:
    diff = diff_words(text, text)
    assert {piece.change for piece in (*diff.original, *diff.result)} <= {DiffKind.KEPT}


@given(TEXTS, TEXTS)
def test_neighbouring_pieces_differ(original: str, result: str) -> None:
    diff = diff_words(original, result)
    for pieces in (diff.original, diff.result):
        changes = [piece.change for piece in pieces]
        assert all(one != other for one, other in itertools.pairwise(changes))
