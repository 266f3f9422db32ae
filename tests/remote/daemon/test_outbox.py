"""What waits for one app: whatever the log does, the rest comes through, and nobody is misled."""

from __future__ import annotations

import asyncio
import re

from remote.daemon.outbox import (
    BYTES_A_SECOND,
    KEPT_FOR_GRAVE,
    LINES_A_SECOND,
    LONGEST_TEXT,
    MOST_WAITING,
    Outbox,
)
from remote.protocol import Delta, FromBox, Log, Started, Status, encode

FLOOD = 20_000
MOST_INFO = int(LINES_A_SECOND * (1 - KEPT_FOR_GRAVE))


class Clock:
    """Stands still unless it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def line(text: str, level: str = "info") -> Log:
    return Log(1.0, level, "vllm", text)


def status(running: int) -> Status:
    return Status(1.0, "ready", 0, running, None, ())


def taken(outbox: Outbox) -> list[FromBox]:
    return outbox.take(1_000_000)


def left_out(messages: list[FromBox]) -> int:
    """How many lines the notices among these tell of."""
    notices = [
        re.fullmatch(r"\+([\d,]+) lines left out; all are in runner\.log", message.text)
        for message in messages
        if isinstance(message, Log) and message.source == "runner"
    ]
    assert all(notices)
    return sum(int(notice[1].replace(",", "")) for notice in notices if notice)


async def test_a_few_lines_all_pass_in_their_order() -> None:
    outbox = Outbox(lambda: None)
    lines = [line(str(number), "warning" if number % 7 == 0 else "info") for number in range(100)]
    for each in lines:
        outbox.put(each)
    assert taken(outbox) == lines
    outbox.close()


async def test_a_flood_is_cut_and_the_number_of_lines_left_out_is_told() -> None:
    told = asyncio.Event()
    clock = Clock()
    outbox = Outbox(told.set, clock)
    for number in range(FLOOD):
        outbox.put(line(str(number)))
    passed = taken(outbox)
    assert passed == [line(str(number)) for number in range(MOST_INFO)]
    told.clear()
    await told.wait()
    assert left_out(taken(outbox)) == FLOOD - MOST_INFO


async def test_warnings_and_errors_pass_where_other_lines_do_not() -> None:
    outbox = Outbox(lambda: None, Clock())
    for number in range(FLOOD):
        outbox.put(line(str(number)))
        if number % 1000 == 0:
            outbox.put(line(str(number), "warning"))
            outbox.put(line(str(number), "error"))
    grave = [each for each in taken(outbox) if isinstance(each, Log) and each.level != "info"]
    assert len(grave) == 2 * FLOOD // 1000
    outbox.close()


async def test_a_flood_of_errors_has_an_end_too() -> None:
    outbox = Outbox(lambda: None, Clock())
    for number in range(FLOOD):
        outbox.put(line(str(number), "error"))
    assert len(taken(outbox)) == LINES_A_SECOND
    outbox.close()


async def test_the_budget_comes_back_with_the_time_but_is_not_saved_up() -> None:
    clock = Clock()
    outbox = Outbox(lambda: None, clock)
    for seconds, most in ((0.0, MOST_INFO), (0.1, LINES_A_SECOND * 0.1), (1000.0, MOST_INFO)):
        clock.seconds += seconds
        for number in range(1000):
            outbox.put(line(str(number)))
        assert abs(len(taken(outbox)) - most) <= 1
    outbox.close()


async def test_long_lines_cost_their_bytes() -> None:
    outbox = Outbox(lambda: None, Clock())
    for _ in range(FLOOD):
        outbox.put(line("\x1b🌫" * 500, "error"))
    sent = sum(len(encode(message)) for message in taken(outbox))
    assert BYTES_A_SECOND <= sent < BYTES_A_SECOND + 12 * LONGEST_TEXT
    outbox.close()


async def test_a_line_of_many_lines_counts_as_many() -> None:
    outbox = Outbox(lambda: None, Clock())
    for _ in range(FLOOD):
        outbox.put(line("a\nb\nc", "error"))
    assert len(taken(outbox)) == -(-LINES_A_SECOND // 3)
    outbox.close()


async def test_a_very_long_line_keeps_its_beginning_and_its_end() -> None:
    outbox = Outbox(lambda: None)
    outbox.put(line("begin" + "x" * 1_000_000 + "end"))
    (sent,) = taken(outbox)
    assert isinstance(sent, Log)
    assert sent.text.startswith("begin")
    assert sent.text.endswith("end")
    assert "996,008 characters left out" in sent.text
    assert len(sent.text) < LONGEST_TEXT + 100
    outbox.close()


async def test_what_steers_a_terminal_travels_as_it_is() -> None:
    outbox = Outbox(lambda: None)
    outbox.put(line("\x1b[2J\x07[/x] \ud83d"))
    assert taken(outbox) == [line("\x1b[2J\x07[/x] \ud83d")]
    outbox.close()


async def test_the_log_crowds_out_nothing_else_and_waits_for_it() -> None:
    outbox = Outbox(lambda: None, Clock())
    others: list[FromBox] = [Started("job", 1)]
    others += [Delta("job", 1, n, "x") for n in range(MOST_WAITING - 1)]
    for number in range(FLOOD):
        outbox.put(line(str(number), "error"))
        if number < MOST_WAITING:
            outbox.put(others[number])
    outbox.put(status(1))
    assert taken(outbox)[: MOST_WAITING + 1] == [*others, status(1)]
    outbox.close()


async def test_of_several_states_the_newest_is_told() -> None:
    outbox = Outbox(lambda: None)
    for running in range(3):
        outbox.put(status(running))
    assert taken(outbox) == [status(2)]
    outbox.close()


async def test_an_app_that_takes_nothing_has_no_more_than_a_bounded_log_waiting() -> None:
    clock = Clock()
    outbox = Outbox(lambda: None, clock)
    for number in range(FLOOD):
        clock.seconds += 1.0
        outbox.put(line(str(number), "error"))
    assert len(taken(outbox)) == 2 * LINES_A_SECOND
    outbox.close()
