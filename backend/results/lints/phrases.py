"""Phrases that do not belong into a prompt: the model about itself, about the request, about its input."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.results.lints.finding import Answered, Lint, LintKind, Span

_REFUSAL = re.compile(
    r"\b(?:I(?:'|’)?m (?:sorry|unable|not able)|I (?:cannot|can(?:'|’)t|am (?:unable|not able))"
    r"|(?:sorry|apologi[sz]e), (?:but )?I\b|as an AI\b|against my (?:guidelines|policy))",
    re.IGNORECASE,
)
_OPENING = 200
"""Characters in which a refusal shows itself; later on, people of the scene may say such things."""
_META = re.compile(
    r"\b(?:(?:upsampled|enhanced|detailed|expanded|rewritten|improved) (?:prompt|version|description)"
    r"|here(?:'|’)?s? (?:is |are )?(?:the|a|an|your) [\w -]{0,30}?(?:prompt|description|version)"
    r"|this prompt|the (?:original|given|provided|short|input) prompt"
    r"|the (?:first|second|given|provided|two) (?:images?|frames?)"
    r"|in (?:the|this|these) (?:images?|frames?|pictures?)(?! (?:on|hung|hanging))\b"
    r"|the (?:user|assistant)(?: has|(?:'|’)s)? (?:wants?|ask(?:s|ed)?|is asking|requests?|requested"
    r"|would like|provided|gave|prompt|request|input|instructions?)\b)",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"\b(?:(?:canny|edge|segmentation|depth|control|pose)[ -]?(?:maps?|masks?|videos?|images?|inputs?)"
    r"|(?:normal|heat|LiDAR|HD)[ -]?maps?|blur(?:red|ry)?[ -](?:videos?|inputs?)"
    r"|(?:edge|line)[ -](?:detection|drawing|art)|segmentation|false[ -]colou?r"
    # Bins and cables are so in the scene itself.
    r"|(?:colou?r|gr[ae]y)[ -]coded(?! (?:\w+ )?(?:bins?|labels?|boxes|crates?|containers?|cables?|wires?"
    r"|signs?|tags?|tapes?|folders?|buttons?|bottles?|trays?|zones?|pipes?))"
    r"|wireframe(?! (?:glasses|spectacles|chairs?|baskets?))"
    r"|black background with white (?:lines|edges)|white (?:lines|outlines) on (?:a )?black)\b",
    re.IGNORECASE,
)
_QUOTES = tuple("\"'“‘„«「")


def refusal(answered: Answered) -> Iterator[Lint]:
    """The model declined instead of answering."""
    spans = tuple(
        span
        for span in _spans(_REFUSAL, answered.answer[:_OPENING])
        if answered.answer[span.start - 1 : span.start] not in _QUOTES
    )
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
