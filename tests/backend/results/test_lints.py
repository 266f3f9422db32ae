"""Lints warn about faults of an upsampled prompt, and do not warn about good ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.results.lints import Answered, Lint, LintKind, lint, near_duplicates

GOOD = (
    "A forklift with two amber lights moves slowly between tall racks of crates. Warm light falls "
    "through the skylights onto the concrete floor, and dust hangs in the air. A worker in a "
    "yellow vest looks up from a clipboard while the machine passes by."
)


def found(answer: str, prompt: str = "a forklift moves crates", reason: str = "stop") -> list[Lint]:
    return lint(Answered(prompt, answer, reason))


def kinds(
    answer: str, prompt: str = "a forklift moves crates", reason: str = "stop"
) -> set[LintKind]:
    return {it.kind for it in found(answer, prompt, reason)}


def test_a_good_answer_has_none() -> None:
    assert found(GOOD) == []


def test_an_answer_at_its_limit_was_cut_off() -> None:
    assert kinds(GOOD, reason="length") == {LintKind.CUT_OFF}


@pytest.mark.parametrize(
    "answer",
    [
        GOOD + " " + GOOD,
        "The car drives on. " * 5,
        "very slowly and calmly, very slowly and calmly, very slowly and calmly, very slowly and calmly",
    ],
)
def test_words_that_come_again_and_again_are_a_repetition(answer: str) -> None:
    (it,) = [it for it in found(answer) if it.kind is LintKind.REPETITION]
    assert len(it.spans) > 1
    assert len({answer[a:b].casefold() for a, b in it.spans}) == 1


@pytest.mark.parametrize(
    ("prompt", "lost"),
    [
        ('a sign that reads "OPEN 24h"', "OPEN 24h"),
        ("a train leaves at 9.30", "9.30"),
        ("a street in Lisbon at night", "Lisbon"),
        ("the old town of San Sebastián", "San Sebastián"),
        ("a crimson kite", "crimson"),
        ("three dogs", "three"),
        ("a robot of NASA", "NASA"),
        ("「出口」 の看板", "出口"),
    ],
)
def test_words_that_are_certain_may_not_be_lost(prompt: str, lost: str) -> None:
    (it,) = [it for it in found(GOOD, prompt) if it.kind is LintKind.LOST]
    assert f'"{lost}"' in it.message
    assert LintKind.LOST not in kinds(f"{GOOD} {prompt}", prompt)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("3 dogs", "Three dogs run."),
        ("three dogs", "There are 3 dogs."),
        ("a grey wall", "A gray wall."),
        ("a red kite", "A reddish kite."),
        ("golden light", "Gold light."),
        ("A quiet harbour", "Boats lie still."),
        ("Warm dusk. Soft light. I walk", "The evening is mild."),
        ("A Man Walking Down The Street", "A man walks along a road."),
        ("A ROBOT ARM PICKS UP CUBES", "A robotic manipulator lifts blocks."),
        ("a drive in Tesla's car", "A Tesla on a coastal road."),
        ("a forklift moves 1,000 crates", "A forklift moves a thousand crates."),
        ("a forklift moves 1000 crates", "A forklift moves 1,000 crates."),
        ("a wall of 3,5 m", "A wall of 3.5 m."),
        ("three cubes", "A trio of cubes."),
        ("two dogs", "A pair of dogs."),
        ("a cat in 4K, rendered in 3D", "A cat."),
    ],
)
def test_other_spellings_lose_nothing(prompt: str, answer: str) -> None:
    assert LintKind.LOST not in kinds(answer, prompt)


def test_a_number_is_not_found_within_another_one() -> None:
    assert LintKind.LOST in kinds("There are 140 cars.", "14 cars")


@pytest.mark.parametrize(
    "answer",
    [
        "Here is the upsampled prompt: a harbour.",
        "Here's an enhanced description of the scene",
        "This prompt asks for a harbour.",
        "In the first image, a ship is seen.",
        "The user wants a harbour.",
        "The user's prompt is short.",
        "The first frame shows a harbour.",
    ],
)
def test_words_about_the_request_are_meta_phrases(answer: str) -> None:
    assert LintKind.META in kinds(answer)


@pytest.mark.parametrize(
    "answer", ["A depth map of a street.", "A colour-coded street", "white lines on a black ground"]
)
def test_words_of_a_control_video_are_pointed_at(answer: str) -> None:
    assert LintKind.CONTROL in kinds(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "The user of a wheelchair crosses the road, and the assistant hands over a scalpel.",
        "Dust has settled in the pictures on the wall.",
        "Colour-coded bins and color-coded plastic crates stand in a row.",
        "A woman with wireframe glasses watches a normal video of her dog on an HD video wall.",
        'The sign reads "I can\'t wait".',
        GOOD
        + ' He shakes his head: I cannot lift that, he seems to say; "I\'m sorry" is on his lips.',
    ],
)
def test_words_of_a_scene_are_not_taken_for_words_about_the_request(answer: str) -> None:
    assert not kinds(answer) & {LintKind.META, LintKind.CONTROL, LintKind.REFUSAL}


def test_what_the_prompt_says_itself_is_no_phrase_of_the_models() -> None:
    assert LintKind.CONTROL not in kinds("A wireframe of a car.", "a wireframe of a car")


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "As an AI, I do not",
        "I cannot describe it",
        "Unfortunately, I’m unable to see the video.",
    ],
)
def test_a_refusal_is_told_first(answer: str) -> None:
    assert found(answer)[0].kind is LintKind.REFUSAL


def test_what_the_encoder_would_not_read_is_too_long() -> None:
    # Some five hundred different words; T5 makes a token of each, or more.
    answer = " ".join(f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "lmnrstdgbcfhkpvz")
    assert LintKind.LONG in kinds(answer)
    assert LintKind.LONG not in kinds(GOOD)


@given(st.text(), st.text())
def test_any_text_can_be_looked_at(prompt: str, answer: str) -> None:
    for it in found(answer, prompt):
        assert all(0 <= a < b <= len(answer) for a, b in it.spans)


def test_answers_that_say_almost_the_same_are_near_duplicates() -> None:
    other = "A harbour at dawn, with fishing boats that leave for the open sea under a pink sky."
    texts = {1: GOOD, 2: GOOD.replace("yellow", "orange"), 3: other}
    assert near_duplicates(texts) == {1: 2, 2: 1}


def test_hundreds_of_equal_answers_are_duplicates_of_one_another() -> None:
    close = near_duplicates(dict.fromkeys(range(300), GOOD))
    assert close == {0: 1} | dict.fromkeys(range(1, 300), 0)


@given(st.dictionaries(st.integers(), st.text(), max_size=6))
def test_nothing_is_a_duplicate_of_itself(texts: dict[int, str]) -> None:
    assert all(one != other for one, other in near_duplicates(texts).items())
