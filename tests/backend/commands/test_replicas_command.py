"""`upsample box replicas`: a table, an object a line, or what becomes of a replica that is changed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from backend.box.asker import Asker
from backend.box.links.link import Box
from backend.cli.verbs import app
from backend.commands import replicas as command
from backend.config.edit import set_value
from backend.exit_codes import ExitCode
from remote.protocol import (
    NEWEST_PROTOCOL,
    EngineLoad,
    PartLoad,
    ReplicaStatus,
    Status,
    Welcome,
)

LOAD = EngineLoad(3, 0, parts=(PartLoad("0", 3, 0, 0.25, 120.4),))
TOLD = (
    ReplicaStatus("0", "ready", "", "node-a", "0,1", 8, 3),
    ReplicaStatus("1", "draining", "", "node-b", "0", 8, 1, 2),
    ReplicaStatus("2", "placing", "no node is \x1b[2J free"),
)


def run(*words: str) -> ExitCode:
    result = app(words)
    assert isinstance(result, ExitCode)
    return result


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """A box whose replicas are made up. Returns what was asked of them."""
    set_value("boxes.lab.host", "lab-head")
    set_value("boxes.lab.engine", "ray")
    asked: list[tuple[str, str, str]] = []

    async def ask_status(_box: Box, _asker: Asker) -> tuple[Welcome, Status | None]:
        welcome = Welcome(NEWEST_PROTOCOL, "r", "j", 0, "ray", "s", "", 16, 4)
        return welcome, Status(1.0, "ready: 1 of 3 replicas", 0, 4, LOAD, (), 8, TOLD)

    async def change_replica(box: Box, _asker: Asker, replica: str, change: str) -> None:
        asked.append((box.name, replica, change))

    monkeypatch.setattr(command, "ask_status", ask_status)
    monkeypatch.setattr(command, "change_replica", change_replica)
    return asked


def lines_of(text: str) -> Sequence[Sequence[str]]:
    return [line.split() for line in text.splitlines()]


def test_replicas_are_listed_with_what_is_known_of_each(
    lab: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("box", "replicas", "lab") is ExitCode.OK
    heading, *rows = lines_of(capsys.readouterr().out)
    assert heading[:7] == ["replica", "state", "node", "gpu", "in", "flight", "tok/s"]
    assert heading[7:] == ["cache", "restarts", "detail"]
    assert rows[0] == ["0", "ready", "node-a", "0,1", "3/8", "120", "25", "%", "0", "–"]
    assert rows[1] == ["1", "draining", "node-b", "0", "1/8", "–", "–", "2", "–"]
    assert rows[2][:7] == ["2", "placing", "–", "–", "0", "–", "–"]
    assert "\x1b" not in " ".join(rows[2])
    assert run("box", "replicas", "lab", "--json") is ExitCode.OK
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["box"], first["name"], first["state"], first["in_flight"]) == (
        "lab",
        "0",
        "ready",
        3,
    )


def test_replicas_are_drained_and_started_anew_and_it_is_said(
    lab: list[tuple[str, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("box", "replicas", "lab", "--drain", "0", "--restart", "1") is ExitCode.OK
    assert lab == [("lab", "0", "drain"), ("lab", "1", "restart")]
    told = capsys.readouterr()
    assert "Replica 0 gets no further request, ends what it has, and is given back." in told.err
    assert "Replica 1 is started anew." in told.err
    assert run("box", "replicas", "lab", "--drain", "0", "--json") is ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"box": "lab", "replica": "0", "change": "drain"}
