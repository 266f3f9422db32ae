"""What is taken off an answer, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.config.profiles import load_profile, profile_files
from backend.config.profiles.cleaning import AnswerRules, Cleaned, clean, upsampled_prompt
from backend.errors import AnswerError

ALL = load_profile("reason1").answer
drawn = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs"), include_characters="\t\n"))
DUSK = "A long, warm dusk settles over the docks."


@pytest.mark.parametrize(
    ("answer", "removed"),
    [
        (f"<think>The frames show cranes.</think>\n\n<answer>\n{DUSK}\n</answer>", "thinking,<answer>"),
        (f"<think>\nOr <answer>a dawn</answer>?\n</think><answer>{DUSK}</answer>", "thinking,<answer>"),
        (f"The template wrote the start.</think>{DUSK}", "thinking"),
        (f"<THINK>Hm.</THINK> {DUSK}", "thinking"),
        (f"{DUSK}\n<think>Was that good? I", "thinking"),
        (f"Here you are: <answer>{DUSK}</answer> Anything else?", "<answer>"),
        (f"<answer>{DUSK}", "<answer>"),
        (f"<answer>A draft.</answer> Better: <answer>{DUSK}</answer>", "<answer>"),
        (f"```\n{DUSK}\n```", "code fence"),
        (f"```text\n{DUSK}\n```", "code fence"),
        (f"Upsampled prompt: {DUSK}", "opener"),
        (f"**Upsampled Prompt:** {DUSK}", "opener"),
        (f"**Upsampled prompt**: {DUSK}", "opener"),
        (f"## Upsampled prompt\n\n{DUSK}", "opener"),
        (f"here is the upsampled  prompt:\n\n{DUSK}", "opener"),
        (f'"{DUSK}"', "quotes"),
        (f"“{DUSK}”", "quotes"),
        (f"«{DUSK}»", "quotes"),
        (f'Here is the upsampled prompt:\n```\n"{DUSK}"\n```', "opener,code fence,quotes"),
        (f"  {DUSK}\n", ""),
    ],
)  # fmt: skip
def test_what_is_not_the_prompt_is_taken_off_and_named(answer: str, removed: str) -> None:
    cleaned = clean(answer, ALL)
    assert cleaned.text == DUSK
    assert sorted(cleaned.removed) == sorted(filter(None, removed.split(",")))


@pytest.mark.parametrize(
    "prompt",
    [
        'A sign says "OPEN" over the door.',
        '"OPEN" blinks over the door, and below it "24 HOURS"',
        "“Stop” reads the sign; beside it, “Go”",
        '"A 5" nail" is hammered in',
        "[wide shot] a harbour (at dusk) {hdr}",
        "Here is a harbour: cranes, ships, gulls.",
        "The upsampled prompt: a sheet of paper on a desk.",
        "a thinker, thinking; 1 < 2 <b>bold</b>",
        "Run ```make``` on the screen of a laptop",
        "'tis the season, and lights glow in the windows'",
        "**Dusk** over the docks",
    ],
)
def test_a_prompt_with_quotes_brackets_or_colons_stays(prompt: str) -> None:
    cleaned = clean(prompt, ALL)
    assert (cleaned.text, cleaned.removed) == (prompt, ())


MARKS = [
    "<think>", "</think>", "<answer>", "</answer>", "```", "```text\n", "\n", " ", '"', "“", "”",
    "«", "»", "**", "#", ":", "Upsampled prompt", "here is the upsampled prompt:", "dusk", "A",
]  # fmt: skip


@given(st.lists(st.sampled_from(MARKS), max_size=14).map("".join))
@example("<think><answer>a</think>b</answer>")
@example('"`"')
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    cleaned = clean(text, ALL)
    assert clean(cleaned.text, ALL).text == cleaned.text
    assert len(cleaned.text) <= len(text)


@given(drawn.filter(lambda text: not set(text) & set('<`"“„«')))
def test_text_without_any_mark_is_only_stripped(text: str) -> None:
    rules = ALL.model_copy(update={"strip_openers": ()})
    assert clean(text, rules).text == text.strip()
    assert clean(text, rules).removed == ()


@given(st.lists(st.sampled_from(MARKS), max_size=14).map("".join) | drawn)
def test_the_stock_profile_takes_off_white_space_alone(text: str) -> None:
    cleaned = clean(text, load_profile("transfer1-stock").answer)
    assert (cleaned.text, cleaned.removed) == (text.strip(), ())


@given(st.text())
def test_an_answer_cannot_steer_a_terminal(text: str) -> None:
    cleaned = clean(text, load_profile("transfer1-stock").answer)
    assert not set(cleaned.text) & set("\x1b\x07\x00\x9b\x9d\x90\u202e\u2066")
    assert clean(cleaned.text, load_profile("transfer1-stock").answer) == Cleaned(cleaned.text, ())


def test_what_steers_a_terminal_is_taken_off_and_named() -> None:
    answer = "Warm\x1b]52;c;ZXZpbA==\x07 dusk\u202e\r\nover\tdocks"
    cleaned = clean(answer, load_profile("transfer1-stock").answer)
    assert cleaned == Cleaned("Warm]52;c;ZXZpbA== dusk\r\nover\tdocks", ("control characters",))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "part", ["<think>", "</think><think>", "<answer>", "```\n", "#", '"', "**", "here is the ", "`"]
)
def test_an_answer_of_a_million_characters_is_cleaned_before_long(part: str) -> None:
    """Ends at all: what grows with the square of the length would take hours."""
    clean(part * (1_000_000 // len(part)), ALL)


# --- no prompt in it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "finish", "problem"),
    [
        ("", "stop", "is empty"),
        (" \n", "length", "is empty"),
        ("<think>The frames show a crane, so", "length", "cut off while the model was still thinking"),
        ("<think>Hm.</think>", "stop", "holds no prompt, only thinking"),
        ("<think>Hm.</think><answer></answer>", "stop", "holds no prompt, only thinking, <answer>"),
        ("Upsampled prompt:", "stop", "only opener"),
    ],
)  # fmt: skip
def test_an_answer_without_a_prompt_is_an_error_and_no_empty_prompt(
    answer: str, finish: str, problem: str
) -> None:
    with pytest.raises(AnswerError, match=problem) as caught:
        upsampled_prompt(answer, finish, ALL)
    assert caught.value.remedy


def test_a_prompt_that_was_cut_off_is_a_prompt() -> None:
    assert upsampled_prompt("<answer>A long, warm", "length", ALL).text == "A long, warm"


@pytest.mark.parametrize("name", [it.name for it in profile_files() if it.path is None])
def test_no_profile_takes_an_empty_answer(name: str) -> None:
    with pytest.raises(AnswerError):
        upsampled_prompt(" ", "stop", load_profile(name).answer)


@pytest.mark.parametrize("rules", [{"unwrap": ["<answer>"]}, {"strip_openers": [" "]}, {"trim": 1}])
def test_rules_that_make_no_sense_are_refused(rules: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AnswerRules.model_validate(rules)
