"""Makes of each prompt what the page's template needs for its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from backend.results.lints import Span
from backend.results.marked_outline import OutlineNode, mark_outline
from backend.results.marked_text import (
    MOST_CHARACTERS,
    MarkedPiece,
    marked_original,
    marked_result,
)
from backend.results.report.how_made import RATINGS, HowMade
from backend.results.report.pictures import PromptPictures
from backend.results.report.reported import ReportedPrompt, ReportedResult
from backend.results.word_diff import diff_words, words
from backend.specs.json_prompts import said_in
from backend.specs.outline import outline_in

Fact = tuple[str, str]
"""What is told, and the value in words."""


@dataclass(frozen=True, slots=True)
class ResultCard:
    """One result on the card of its prompt."""

    heading: str
    result: ReportedResult
    pieces: tuple[MarkedPiece, ...]
    """The text; empty where there is an outline."""
    outline: tuple[OutlineNode, ...]
    """The outline of a JSON object; empty for any other text."""
    hidden: int
    """Characters at the end that are not shown."""
    count: str
    """How long it is, and how much of the prompt it took up."""
    brief: tuple[str, ...]
    """How it was made, in a few words."""
    facts: tuple[Fact, ...]
    """How it was made, in full."""

    @property
    def stars(self) -> str:
        """The rating as stars; empty where there is none."""
        rating = self.result.made.rating or 0
        return "★" * rating + "☆" * (len(RATINGS) - rating) if rating else ""


@dataclass(frozen=True, slots=True)
class PromptCard:
    """One prompt with its results."""

    number: int
    """From 1."""
    prompt: ReportedPrompt
    shown: PromptPictures
    original: tuple[MarkedPiece, ...]
    hidden: int
    """Characters at the end of the prompt that are not shown."""
    count: str
    """How long the prompt is, and how much of it was lost."""
    results: tuple[ResultCard, ...]
    decisions: str
    """By what the filter finds the card: one or more words with "|" between them."""
    lints: str
    ratings: str
    models: str


def make_card(
    number: int, prompt: ReportedPrompt, shown: PromptPictures, models: Mapping[str, str]
) -> PromptCard:
    """Return the card of a prompt. `models` are the filter's words for the models."""
    original = (prompt.original or "")[:MOST_CHARACTERS]
    results = [replace(r, text=r.text[:MOST_CHARACTERS]) for r in prompt.results]
    all_said = "\n".join(part for result in results for part in said_in(result.text))
    diff = diff_words(original, all_said)
    count = _amount(len(words(original)), "word")
    return PromptCard(
        number=number,
        prompt=prompt,
        shown=shown,
        original=tuple(marked_original(diff.original)),
        hidden=len(prompt.original or "") - len(original),
        count=count + (f", {diff.lost:,} lost" if diff.lost else ""),
        results=tuple(
            _result_card(prompt, original, n, each) for n, each in enumerate(prompt.results, 1)
        ),
        decisions=_words(str(r.decision or "") for r in prompt.results),
        lints=_words(
            word
            for r in prompt.results
            for word in (["any", *(lint.kind for lint in r.lints)] if r.lints else ["none"])
        ),
        ratings=_words(str(r.made.rating or "") for r in prompt.results),
        models=_words(models.get(r.made.model, "") for r in prompt.results),
    )


def _result_card(
    prompt: ReportedPrompt, original: str, n: int, result: ReportedResult
) -> ResultCard:
    text = result.text[:MOST_CHARACTERS]
    found = outline_in(result.text) if text == result.text else ()
    several = len(prompt.results) > 1
    said = "\n".join(said_in(text))
    diff = diff_words(original, said)
    kept = f", {diff.taken_up:,} of the prompt's words" if original else ""
    spans = [span for lint in result.lints for span in lint.spans]
    return ResultCard(
        heading=f"Candidate {n} of {len(prompt.results)}" if several else "Result",
        result=result,
        pieces=() if found else tuple(marked_result(diff.result, _within(spans, len(text)))),
        outline=mark_outline(found, original),
        hidden=len(result.text) - len(text),
        count=_amount(len(words(said)), "word") + kept,
        brief=tuple(filter(None, _brief(result.made))),
        facts=tuple(fact for fact in _facts(prompt, result) if fact[1]),
    )


def _within(spans: Sequence[Span], length: int) -> list[Span]:
    return [span for span in spans if 0 <= span.start < span.end <= length]


def _words(several: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(several))


def _brief(made: HowMade) -> list[str]:
    return [
        # Without a model, the words say that none wrote it.
        short_model(made.model) or made.written_by.rstrip("."),
        f"on {made.box}" if made.box else "",
        "" if made.seed is None else f"seed {made.seed}",
        "" if made.answer_tokens is None else _amount(made.answer_tokens, "token"),
        "" if made.pace is None else f"{made.pace:,.0f} tokens/s",
    ]


def short_model(model: str) -> str:
    """Return a model's name without the folder that it lies in."""
    return PurePosixPath(model).name if model.startswith("/") else model


def _facts(prompt: ReportedPrompt, result: ReportedResult) -> list[Fact]:
    made = result.made
    times = ", ".join(f"{time:.2f} s" for time in made.frames[:16])
    frames = (
        f"{_amount(len(made.frames), 'frame')} of {made.media or 'the media'}, {made.size_sent}"
    )
    counted = "" if made.reported_tokens is not None else " (estimated)"
    return [
        ("Written by", made.written_by),
        ("Model", made.model),
        ("Engine", made.engine),
        ("Box", made.box),
        ("Profile", made.profile),
        ("Seed", _number(made.seed)),
        ("Temperature", "" if made.temperature is None else f"{made.temperature:g}"),
        ("Frames", f"{frames}: {times}{' …' if made.frames[16:] else ''}" if made.frames else ""),
        ("Tokens of prompt and frames", _of(made.prompt_tokens, prompt.token_limit, counted)),
        ("Tokens of the answer", _of(made.answer_tokens, made.answer_limit)),
        ("Ended", "cut off at its limit" if made.finish_reason == "length" else made.finish_reason),
        ("Time", "" if made.seconds is None else f"{made.seconds:,.1f} s"),
        ("Cost", "" if made.cost is None else f"{made.cost:,.6g}"),
        ("Done", made.ended),
        ("Avoid", made.negative_prompt),
        ("Job", _number(result.number)),
        ("Decision", str(result.decision or "")),
        ("File", prompt.file.name + (f", entry {prompt.entry + 1}" if prompt.entry else "")),
        ("Program", made.program),
    ]


def _number(value: int | None) -> str:
    return "" if value is None else f"{value}"


def _of(value: int | None, limit: int | None, note: str = "") -> str:
    if value is None:
        return ""
    return f"{value:,}{note}" + ("" if limit is None else f" of at most {limit:,}")


def _amount(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
