"""What a look at a box asks of it, over a link that a test makes up. The real way is in tests/end_to_end."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from backend.box.asker import Asker
from backend.box.links.link import FROM_NOW_ON, Box, JournalCursor
from backend.commands import box as command
from backend.config.edit import set_value
from backend.exit_codes import ExitCode
from backend.planning.box_context import keep_context, read_context
from remote.protocol import FromBox, Status, Welcome


class _Link:
    welcome = Welcome(3, "0123456789ab", "journal", 20_000, "sketch 1", "s", "", 4, 2)

    async def messages(self) -> AsyncIterator[FromBox]:
        yield Status(1.0, "ready", 1, 1, None, ())


def test_nothing_of_a_status_is_cut_off_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextlib.asynccontextmanager
    async def open_link(*_: object, look: bool) -> AsyncIterator[_Link]:
        assert look
        yield _Link()

    monkeypatch.setattr(command, "open_link", open_link)
    set_value("boxes.h100.host", "somebody@gpu-box.example.org:2222")
    assert command.show_status("h100", "", as_json=False) is ExitCode.OK
    heading, first, *_ = capsys.readouterr().out.splitlines()
    assert "running  waiting  at once  tok/s  runner" in heading
    assert first.startswith("h100 ")
    assert first.endswith("0123456789ab")


def test_a_look_at_a_box_does_not_ask_for_all_of_its_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a slow line, they would come for longer than anybody waits for a status."""
    asked_from: list[JournalCursor] = []

    @contextlib.asynccontextmanager
    async def open_link(
        _box: Box, _asker: Asker, seen: JournalCursor, *, look: bool
    ) -> AsyncIterator[_Link]:
        assert look
        asked_from.append(seen)
        yield _Link()

    monkeypatch.setattr(command, "open_link", open_link)
    assert command.show_status("local", "", as_json=True) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["jobs_running"] == 1
    assert asked_from == [FROM_NOW_ON]


def test_plans_count_with_the_context_that_a_look_at_the_box_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Longer(_Link):
        welcome = replace(_Link.welcome, context=32_768)

    @contextlib.asynccontextmanager
    async def open_link(*_: object, look: bool) -> AsyncIterator[_Link]:
        yield Longer()

    monkeypatch.setattr(command, "open_link", open_link)
    keep_context("local", 4096)
    assert command.show_status("local", "", as_json=True) is ExitCode.OK
    assert read_context("local") == 32_768


def test_the_newest_slots_of_a_box_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Grown(_Link):
        async def messages(self) -> AsyncIterator[FromBox]:
            self.welcome = replace(self.welcome, slots=9)  # as a link does for a Status
            yield Status(1.0, "ready", 1, 1, None, (), 9)

    @contextlib.asynccontextmanager
    async def open_link(*_: object, look: bool) -> AsyncIterator[_Link]:
        yield Grown()

    monkeypatch.setattr(command, "open_link", open_link)
    assert command.show_status("local", "", as_json=True) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["slots"] == 9
