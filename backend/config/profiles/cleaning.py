"""Cleans a model's answer: removes what the profile says is not part of the upsampled prompt.

The functions are pure. Text that contains none of the marks is only stripped of white space around it, and
cleaning a text twice gives the same as cleaning it once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backend.errors import AnswerError
from backend.generation import WholeSeconds
from backend.specs.quoting import without_controls

_THINK = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_THINK_START = re.compile(r"<think>", re.IGNORECASE)
_THINK_END = re.compile(r"</think>", re.IGNORECASE)
_FENCE = re.compile(r"```[^\n`]*\n(?P<inner>.*?)\n?```", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»"}
Pinned = Literal["resolution", "aspect_ratio", "duration", "fps"]
"""The keys of a JSON answer that a spec can decide."""
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class AnswerRules(BaseModel):
    """[answer] of a profile: what is removed from an answer. Every rule is off by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strip_thinking: bool = False
    """Remove <think>…</think>. Where the end is missing, everything from <think> on is removed."""
    unwrap: tuple[str, ...] = ()
    """Tags that enclose the answer: "answer" for <answer>…</answer>. The tags are removed."""
    strip_fences: bool = False
    """Remove the ``` lines around a text that is one code block."""
    strip_openers: tuple[str, ...] = ()
    """Phrases before the answer that end in a colon: "Here is the upsampled prompt". Case is ignored."""
    strip_quotes: bool = False
    """Remove quotation marks around the whole text, where the text contains no others."""
    format: Literal["text", "json"] = "text"
    """"json" for an answer that is one JSON object; see `backend.config.profiles.json_answer`."""
    schema_file: str = Field(default="", alias="schema")
    """The file beside the profile with the JSON schema that the object must follow."""
    enforce: bool = True
    """Whether the model server is asked to hold the answer to the schema. It is checked here in any case."""
    draws: int = Field(default=5, ge=1, le=20)
    """How often a JSON answer is asked for, each time with another seed, until one is right."""
    pin: tuple[Pinned, ...] = ()
    """Keys of the object that the spec decides, and not the model."""
    whole_seconds: WholeSeconds = "down"
    """How the pinned length is rounded."""
    duration: Literal["5s", "0:05"] = "5s"
    """How the pinned length is written."""
    drop: tuple[str, ...] = ()
    """Keys at the top of the object that are taken off."""
    negative_prompt: str = ""
    """The tag around a negative prompt that the model writes, too; empty for none."""

    @field_validator("unwrap")
    @classmethod
    def _check_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not _TAG.fullmatch(tag):
                raise ValueError(f'{tag!r} is no tag; "answer" stands for <answer>…</answer>')
        return tags

    @field_validator("negative_prompt")
    @classmethod
    def _check_tag(cls, tag: str) -> str:
        return cls._check_tags((tag,))[0] if tag else tag

    @field_validator("strip_openers")
    @classmethod
    def _check_openers(cls, openers: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.search(r"\w", opener) for opener in openers):
            raise ValueError("an opener has at least one word")
        return openers

    @model_validator(mode="after")
    def _check_json(self) -> Self:
        if self.schema_file and self.format != "json":
            raise ValueError('a schema needs format = "json"')
        return self


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned answer."""

    text: str
    """The upsampled prompt; empty when nothing is left."""
    removed: tuple[str, ...]
    """The kinds of text that were removed ("thinking", "<answer>", "code fence", "opener", "quotes",
    "control characters"), each once."""
    negative_prompt: str = ""
    """What the model wants avoided, where it is asked for that; else empty."""


def clean(text: str, rules: AnswerRules) -> Cleaned:
    """Return the upsampled prompt that an answer contains."""
    removed: dict[str, None] = {}
    harmless = without_controls(text)
    if harmless != text:
        # Prompts need no control characters, and a terminal that shows the file would obey them.
        removed["control characters"] = None
    text = harmless.strip()
    # A fence may hold an opener, and an opener may stand before a fence. Each round shortens the text.
    changed = True
    while changed:
        changed = False
        for mark, take_off in _steps(rules):
            left = take_off(text).strip()
            if left != text:
                removed[mark] = None
                text, changed = left, True
    return Cleaned(text, tuple(removed))


def upsampled_prompt(text: str, finish_reason: str, rules: AnswerRules) -> Cleaned:
    """Clean an answer as `clean` does. Raises AnswerError where no prompt is left."""
    cleaned = clean(text, rules)
    if cleaned.text:
        return cleaned
    if not text.strip():
        raise AnswerError("the model's answer is empty", "Draw another one with --seed.")
    if "thinking" in cleaned.removed and finish_reason == "length":
        raise AnswerError(
            "the answer was cut off while the model was still thinking",
            "Raise reserve, the tokens that it may take (and max_tokens with it).",
        )
    raise AnswerError(
        f"the model's answer holds no prompt, only {', '.join(cleaned.removed)}",
        "Draw another one with --seed.",
    )


def _steps(rules: AnswerRules) -> Iterator[tuple[str, Callable[[str], str]]]:
    if rules.strip_thinking:
        yield "thinking", _without_thinking
    for tag in rules.unwrap:
        yield f"<{tag}>", partial(_inside, tag)
    if rules.strip_fences:
        yield "code fence", _without_fence
    if rules.strip_openers:
        yield "opener", partial(_without_opener, rules.strip_openers)
    if rules.strip_quotes:
        yield "quotes", _without_quotes


def _without_thinking(text: str) -> str:
    # Search only up to the last </think>: behind it, each <think> would be searched to the end of the text.
    closed = max((end.end() for end in _THINK_END.finditer(text)), default=0)
    text = _THINK.sub("", text[:closed]) + text[closed:]
    # Some chat templates write <think> themselves, and the answer then has only </think>.
    *_, text = _THINK_END.split(text)
    return _THINK_START.split(text)[0]


def _inside(tag: str, text: str) -> str:
    """Return the text inside the last of these tags. A start or an end tag may be missing."""
    *_, after = re.split(rf"<{tag}>", text, flags=re.IGNORECASE)
    return re.split(rf"</{tag}>", after, flags=re.IGNORECASE)[0]


def _without_fence(text: str) -> str:
    block = _FENCE.fullmatch(text)
    return block["inner"] if block and "```" not in block["inner"] else text


def _without_opener(openers: tuple[str, ...], text: str) -> str:
    phrases = "|".join(
        r"\s+".join(re.escape(word) for word in opener.split())
        for opener in sorted(openers, key=len, reverse=True)
    )
    # The phrase ends in a colon or is alone on its line. It may be a heading or be between ** and **.
    opening = re.match(
        rf"#*\s*(?P<strong>[*_]{{0,3}})(?:{phrases})\s*"
        r"(?:(?P=strong)\s*:|:\s*(?P=strong)|(?P=strong)[ \t]*(?=\n))\s*",
        text,
        re.IGNORECASE,
    )
    return text[opening.end() :] if opening else text


def _without_quotes(text: str) -> str:
    closing = _QUOTES.get(text[:1])
    if closing is None or len(text) < 2 or not text.endswith(closing):
        return text
    inner = text[1:-1]
    return text if set(inner) & {text[0], closing} else inner
