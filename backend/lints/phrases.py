"""Phrases that do not belong into a prompt: the model about itself, about the request, about its input."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.lints.finding import Answered, Lint, LintKind, Span

_REFUSAL = re.compile(
    r"\b(?:I(?:'|’)?m (?:sorry|unable|not able)|I (?:cannot|can(?:'|’)t|am (?:unable|not able))"
    r"|(?:sorry|apologi[sz]e), (?:but )?I\b|as an AI\b|against my (?:guidelines|policy))",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(?:(?:upsampled|enhanced|detailed|expanded|rewritten|improved) (?:prompt|version|description)"
    r"|here(?:'|’)?s? (?:is |are )?(?:the|a|an|your) [\w -]{0,30}?(?:prompt|description|version)"
    r"|this prompt|the (?:original|given|provided|short|input) prompt"
    r"|the (?:first|second|given|provided|two) (?:images?|frames?)"
    r"|in (?:the|this|these) (?:images?|frames?|pictures?)|the (?:user|assistant)\b)",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"\b(?:(?:canny|edge|segmentation|depth|blur(?:red)?|control|pose|normal|heat|LiDAR|HD)[ -]?"
    r"(?:maps?|masks?|videos?|images?|inputs?)|(?:edge|line)[ -](?:detection|drawing|art)"
    r"|segmentation|(?:colou?r|gr[ae]y)[ -]coded|false[ -]colou?r|wireframe"
    r"|black background with white (?:lines|edges)|white (?:lines|outlines) on (?:a )?black)\b",
    re.IGNORECASE,
)


def refusal(answered: Answered) -> Iterator[Lint]:
    """The model declined instead of answering."""
    spans = _spans(_REFUSAL, answered.answer)
    if spans:
        yield Lint(LintKind.REFUSAL, "The model seems to have declined", spans)


def meta_phrases(answered: Answered) -> Iterator[Lint]:
    """It speaks of the prompt, of pictures or of who asks, where it should describe a video."""
    yield from _new_phrases(LintKind.META, "It speaks of the request", _META, answered)


def control_words(answered: Answered) -> Iterator[Lint]:
    """It describes the control video that it was shown, which is not what is to be seen."""
    yield from _new_phrases(LintKind.CONTROL, "It describes a control video", _CONTROL, answered)


def _new_phrases(
    kind: LintKind, message: str, pattern: re.Pattern[str], answered: Answered
) -> Iterator[Lint]:
    """Phrases of the answer that the user's own prompt does not have."""
    asked = answered.prompt.casefold()
    spans = tuple(
        span
        for span in _spans(pattern, answered.answer)
        if answered.answer[span.start : span.end].casefold() not in asked
    )
    if spans:
        first = answered.answer[spans[0].start : spans[0].end]
        yield Lint(kind, f'{message}: "{first}"', spans)


def _spans(pattern: re.Pattern[str], text: str) -> tuple[Span, ...]:
    return tuple(Span(*match.span()) for match in pattern.finditer(text))
