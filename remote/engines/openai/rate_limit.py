"""Reads from a response's headers when its server takes the next request.

Retry-After is HTTP's own. OpenAI, Groq, Mistral and others tell beside it what is left of a limit and when it
is full again: x-ratelimit-remaining-requests and x-ratelimit-reset-requests, the same with tokens at the end,
or without either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_KINDS = ("-requests", "-tokens", "")
_SECONDS = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_DURATION = re.compile(
    r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?)ms)?",
    re.ASCII,
)
"""As Go writes it: 1h2m3.5s, 20ms."""
_UNITS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_CLOCK_SECONDS, _CLOCK_MILLISECONDS = 1e9, 1e12
"""A larger number of seconds is a time of the clock, in seconds or in milliseconds."""


def pause_after_refusal(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server that refused wants to be left alone; None when it does not say."""
    asked = _retry_after(headers)
    if asked is not None:
        return asked
    resets = {kind: _reset(headers, kind) for kind in _KINDS}
    used_up = [resets[kind] for kind in _KINDS if _remaining(headers, kind) == 0]
    known = [seconds for seconds in used_up if seconds is not None]
    if known:
        return max(known)
    return min((seconds for seconds in resets.values() if seconds is not None), default=None)


def pause_after_answer(headers: Mapping[str, str], tokens: int) -> float:
    """Return the seconds for which a server takes no further request although it answered this one.

    `tokens` are what a request takes of its limit; 0 when that is not known.
    """
    least = {"-requests": 1, "-tokens": max(1, tokens), "": 1}
    longest = 0.0
    for kind in _KINDS:
        left = _remaining(headers, kind)
        if left is not None and left < least[kind]:
            longest = max(longest, _reset(headers, kind) or 0.0)
    return longest


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value) / 1000
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # A date without a zone is UTC; Python 3.10 knows no datetime.UTC.
    aware = date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
    return max(0.0, (aware - datetime.now(timezone.utc)).total_seconds())


def _remaining(headers: Mapping[str, str], kind: str) -> float | None:
    value = headers.get(f"x-ratelimit-remaining{kind}", "").strip()
    return float(value) if _SECONDS.fullmatch(value) else None


def _reset(headers: Mapping[str, str], kind: str) -> float | None:
    """Return the seconds until the limit is full again; None when that is not told."""
    value = headers.get(f"x-ratelimit-reset{kind}", "").strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
        if seconds < _CLOCK_SECONDS:
            return seconds
        at = seconds / 1000 if seconds >= _CLOCK_MILLISECONDS else seconds
        return max(0.0, at - datetime.now(timezone.utc).timestamp())
    parts = _DURATION.fullmatch(value)
    if not value or parts is None:
        return None
    return sum(
        unit * float(part) for unit, part in zip(_UNITS, parts.groups(), strict=True) if part
    )
