"""Joining pieces of text loses no word, no order of one job's messages and no gap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remote.daemon.deltas import LONGEST, merge_deltas
from remote.protocol import Delta, FromBox, Started


def _words(job: str, words: list[str], attempt: int = 1, offset: int = 0) -> list[Delta]:
    pieces = []
    for word in words:
        pieces.append(Delta(job, attempt, offset, word))
        offset += len(word)
    return pieces


def test_what_follows_becomes_one_piece() -> None:
    assert merge_deltas(_words("a", ["one ", "two ", "three"])) == [
        Delta("a", 1, 0, "one two three")
    ]


def test_jobs_that_take_turns_are_joined_each_for_itself() -> None:
    turns = [
        p
        for both in zip(_words("a", ["x", "y"]), _words("b", ["1", "2"]), strict=True)
        for p in both
    ]
    assert merge_deltas(turns) == [Delta("a", 1, 0, "xy"), Delta("b", 1, 0, "12")]


def test_a_new_attempt_stays_after_its_start() -> None:
    again: list[FromBox] = [
        *_words("a", ["old ", "words"]), Started("a", 2), *_words("a", ["new ", "ones"], attempt=2)
    ]  # fmt: skip
    assert merge_deltas(again) == [
        Delta("a", 1, 0, "old words"),
        Started("a", 2),
        Delta("a", 2, 0, "new ones"),
    ]


def test_a_gap_stays_a_gap() -> None:
    first, _, third = _words("a", ["one ", "two ", "three"])
    assert merge_deltas([first, third]) == [first, third]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=3))))
def test_no_character_is_lost_or_moved(written: list[tuple[str, str]]) -> None:
    so_far = dict.fromkeys("abc", "")
    pieces = []
    for job, text in written:
        pieces.append(Delta(job, 1, len(so_far[job]), text))
        so_far[job] += text

    told = [piece for piece in merge_deltas(pieces) if isinstance(piece, Delta)]

    assert len(told) == len({job for job, _ in written})
    assert {piece.job: piece.text for piece in told} == {job: so_far[job] for job, _ in written}


def test_no_piece_grows_without_end() -> None:
    told = merge_deltas(_words("a", ["x" * 1000] * 1000))
    assert "".join(piece.text for piece in told if isinstance(piece, Delta)) == "x" * 1_000_000
    assert all(len(piece.text) <= LONGEST for piece in told if isinstance(piece, Delta))
