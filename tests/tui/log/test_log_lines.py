"""Which lines are shown and found: always what looking at every line would say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.log.book import LogBook, LogLine
from tui.log.lines import LogLines, Wanted

IDENTITY = "0123456789abcdef" * 4
TEXTS = st.sampled_from(
    (
        *("ready", "Error: out of memory", "job 0123456789ab, attempt 2: slow", "İstanbul ß"),
        *("+1,234 lines left out; all are in runner.log", "\x1b[31mred\x1b[0m", "a.b", ""),
    )
)
LINES = st.builds(
    LogLine,
    st.sampled_from(("", "h100", "a10")),
    st.just(1.0),
    st.sampled_from(("info", "WARNING", "error", "odd")),
    st.sampled_from(("vllm", "runner", "job", "link")),
    TEXTS,
    st.sampled_from((None, None, 7, 8)),
)
WANTED = st.builds(
    Wanted,
    st.integers(0, 2),
    st.sampled_from(("", "h100")),
    st.sampled_from((None, 7)),
    st.sampled_from(("", IDENTITY)),
    st.lists(st.sampled_from(("e", "red", "job", "[31m")), max_size=2).map(tuple),
)


def is_wanted(line: LogLine, wanted: Wanted) -> bool:
    """Said once more, slowly."""
    text = line.text.replace("\x1b[31m", "").replace("\x1b[0m", "")
    rank = {"WARNING": 1, "error": 2}.get(line.level, 0)
    gap = line.source == "link" or "lines left out" in text
    about = (
        line.job == 7 if line.job is not None else bool(wanted.identity) and "job 01234567" in text
    )
    return (
        (rank >= wanted.gravity or gap)
        and wanted.box in {"", line.box or wanted.box}
        and (wanted.job is None or about)
        and all(word in f"{line.source} {text}".casefold() for word in wanted.words)
    )


@settings(deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.lists(LINES, max_size=6), max_size=8),
    WANTED,
    WANTED,
    st.sampled_from(("", "E", ".", "red", "31m")),
)
def test_what_is_shown_and_found_is_what_a_look_at_every_line_says(
    most: int, batches: list[list[LogLine]], first: Wanted, then: Wanted, sought: str
) -> None:
    lines = LogLines(LogBook(most))
    lines.want(first)
    lines.search(sought)
    for place, batch in enumerate(batches):
        for line in batch:
            lines.book.add(line)
        if place == len(batches) // 2:
            lines.want(then)
        lines.update()
        kept = list(lines.book.since(0))
        shown = [number for number, line in kept if is_wanted(line, lines.wanted)]
        assert list(lines.numbers) == shown
        found = [
            number
            for number, line in kept
            if number in shown and sought and sought.lower() in _seen(line).lower()
        ]
        assert list(lines.found) == found
        for number in range(lines.book.count):
            after = [n for n in found if n > number] or found
            before = [n for n in found if n < number] or found
            assert lines.next_found(number, 1) == (after[0] if after else None)
            assert lines.next_found(number, -1) == (before[-1] if before else None)


def _seen(line: LogLine) -> str:
    return line.text.replace("\x1b[31m", "").replace("\x1b[0m", "")


@given(st.text("aAbB.", max_size=12), st.text("ab.", min_size=1, max_size=2))
def test_matches_are_where_the_text_has_them(text: str, sought: str) -> None:
    lines = LogLines(LogBook())
    lines.search(sought)
    spans = lines.matches(text)
    assert all(text[begin:end].lower() == sought for begin, end in spans)
    assert len(spans) == text.lower().count(sought)


def test_only_new_lines_are_looked_at() -> None:
    looked = 0

    class Counting(LogLines):
        pass

    lines = Counting(LogBook())
    lines.want(Wanted(gravity=2))

    def passes(line: LogLine) -> bool:
        nonlocal looked
        looked += 1
        return True

    lines._shown.passes = passes
    for _ in range(50):
        for _ in range(100):
            lines.book.add(LogLine("h100", 1.0, "info", "vllm", "ready"))
        lines.update()
    assert looked == 5_000
