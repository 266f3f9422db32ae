"""Following a box's log, over a link that says what a test wants it to: a stand-in, since no real box is
known to log a line at the very moment that its file is read. The real way is in tests/end_to_end."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator

import pytest

from backend.box.asker import Asker, UnattendedAsker
from backend.box.links import backoff, reconnect
from backend.box.links.link import FROM_NOW_ON, Box, JournalCursor, OnStale
from backend.commands import box as box_commands
from backend.commands.box import follow_log
from backend.errors import BoxUnreachable, BoxUnusable
from remote.protocol import Delta, FromBox, Log, Setup, Welcome, log_text

BOX = Box("h100", "gpu", Setup("/root", "sketch", "", 1.0))
Capsys = pytest.CaptureFixture[str]


class ScriptedLink:
    """One visit: says these things, and hangs up."""

    welcome = Welcome(3, "r", "journal", 9, "sketch 1", "s", "", 4, 0)

    def __init__(self, said: list[FromBox]) -> None:
        self._said = said

    async def messages(self) -> AsyncIterator[FromBox]:
        for message in self._said:
            yield message


async def follow(
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    *visits: list[FromBox] | Exception,
    as_json: bool = False,
    first_pause: float = 0.0,
) -> None:
    """Follow through these visits; after the last one the box is of no use."""
    left = [*visits, BoxUnusable("the end")]

    @contextlib.asynccontextmanager
    async def open_link(
        _box: Box, _asker: Asker, seen: JournalCursor, *, look: bool, on_stale: OnStale
    ) -> AsyncIterator[ScriptedLink]:
        assert look
        assert seen == FROM_NOW_ON
        visit = left.pop(0)
        if isinstance(visit, Exception):
            raise visit
        yield ScriptedLink(visit)

    async def read_log(_box: Box, _asker: Asker) -> str:
        return file

    monkeypatch.setattr(reconnect, "open_link", open_link)
    monkeypatch.setattr(box_commands, "read_log", read_log)
    monkeypatch.setattr(backoff, "FIRST_PAUSE", first_pause)
    with pytest.raises(BoxUnusable, match="the end"):
        await follow_log(BOX, UnattendedAsker(), as_json=as_json)


def as_the_daemon_writes_it(record: logging.LogRecord) -> str:
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    return log_text(formatter.format(record))


async def test_a_line_that_the_file_had_already_is_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    records = [
        logging.LogRecord("vllm", logging.INFO, "", 0, f"line {number}\x07", None, None)
        for number in range(4)
    ]
    file = "\n".join(map(as_the_daemon_writes_it, records[:3]))
    lines: list[FromBox] = [Log(r.created, "info", r.name, r.getMessage()) for r in records[1:]]
    await follow(monkeypatch, file, [*lines, Delta("job", 1, 0, "text")])
    shown = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" vllm ")[2] for line in shown] == [rf"line {n}\x07" for n in range(4)]


async def test_the_same_words_at_another_time_are_another_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    await follow(
        monkeypatch, "2026-01-01 00:00:10,500 INFO vllm idle", [Log(11.5, "info", "vllm", "idle")]
    )
    assert len(capsys.readouterr().out.splitlines()) == 2


async def test_lines_have_their_time_and_level_and_steer_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_700_000_000.25))
    hostile = Log(1_700_000_000.25, "warning", "vllm", "\x1b[2Jred\x07\nnext [/x] \ud83d")
    await follow(monkeypatch, "old \x1b[2J", [hostile])
    assert capsys.readouterr().out.splitlines() == [
        r"old \x1b[2J",
        at + r" WARNING vllm \x1b[2Jred\x07",
        r"next [/x] \ud83d",
    ]


async def test_with_json_each_line_is_an_object(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    await follow(monkeypatch, "one\ntwo", [Log(1.5, "error", "vllm", "\x1b[2J")], as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"type": "logged", "box": "h100", "line": "one"},
        {"type": "logged", "box": "h100", "line": "two"},
        {
            "type": "log",
            "box": "h100",
            "time": 1.5,
            "level": "error",
            "source": "vllm",
            "text": "\x1b[2J",
        },
    ]


async def test_a_link_that_breaks_is_made_again_and_the_file_is_not_printed_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    gone = BoxUnreachable("no route")
    one, two = (Log(time, "info", "vllm", f"line {time}") for time in (1.0, 2.0))
    await follow(monkeypatch, "file", [one], gone, [two])
    shown = capsys.readouterr()
    assert [line.rpartition(" vllm ")[2] for line in shown.out.splitlines()] == [
        "file",
        "line 1.0",
        "line 2.0",
    ]
    assert shown.err.splitlines() == [
        "! h100 hung up; retrying in 0 s",
        "! no route; retrying in 0 s",
        "! h100 hung up; retrying in 0 s",
    ]


async def test_a_box_that_cannot_be_reached_at_first_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BoxUnreachable):
        await follow(monkeypatch, "", BoxUnreachable("no route"))


async def test_a_box_that_greets_and_hangs_up_is_tried_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def wait(_backoff: backoff.Backoff, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(backoff.Backoff, "wait", wait)
    await follow(monkeypatch, "", *[list[FromBox]()] * 5, first_pause=0.5)
    assert waits[-1] > 4 * waits[0]
