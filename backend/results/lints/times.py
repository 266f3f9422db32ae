"""Times of a JSON prompt at which there is no video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backend.config.profiles.json_answer import clock
from backend.results.lints.clip_length import whole_seconds
from backend.results.lints.finding import Answered, Lint, LintKind
from backend.specs.outline import OutlinePart, outline_object
from backend.specs.quoting import quoted
from remote.protocol import Json


def times_outside(answered: Answered, whole: dict[str, Json]) -> Iterator[Lint]:
    """Something happens after the end of the video, or ends before it begins.

    Answers to a profile that asks for JSON were checked for it when they came; others, and edited ones of
    earlier versions, were not.
    """
    length = whole_seconds(answered, whole)
    late = []
    for part in _with_times(outline_object(whole)):
        if part.time is not None and part.time.end < part.time.begin:
            yield Lint(LintKind.TIME, f"A time runs backwards: {quoted(part.clock)}")
        elif part.time is not None and length is not None and part.time.end > length[1]:
            late.append(part.clock)
    if late and length is not None:
        more = f" and {len(late) - 1} more" if len(late) > 1 else ""
        yield Lint(
            LintKind.TIME, f"The clip ends at {clock(length[1])}, before {quoted(late[0])}{more}"
        )


def _with_times(parts: Iterable[OutlinePart]) -> Iterator[OutlinePart]:
    for part in parts:
        if part.time is not None:
            yield part
        yield from _with_times(part.below)
