"""A share of `make faults ENGINE=fleet`: whichever box goes, each result is there once; and its verdicts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.faults.batch import Batch
from tests.faults.field import House, JsonObject
from tests.faults.fleet import KIND_NAMES, FleetCampaign
from tests.faults.fleet_oracle import judge_fleet
from tests.faults.seen import Life
from tests.support.sshd import find_sshd

_SEED = 20261130
_PROMPT, _JOB = "scene 1", "ab" * 32


@pytest.mark.campaign
@pytest.mark.timeout(600)
async def test_whatever_happens_to_two_boxes_each_result_is_there_once_and_second_ones_are_said(
    tmp_path: Path,
) -> None:
    find_sshd()
    told: list[str] = []
    campaign = FleetCampaign(len(KIND_NAMES), _SEED, tmp_path / "evidence", told.append)
    await campaign.run()
    assert campaign.troubles == [], "\n".join(told)


class MadeUp:
    """A batch of one prompt that the first of two boxes has answered, until a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.lines: tuple[list[JsonObject], list[JsonObject]] = (_answered("at dusk", 2.0), [])
        self.events: list[tuple[float, JsonObject]] = []
        self.file = folder / "a.json"
        self.file.write_text(json.dumps([{"prompt": "at dusk"}]))
        (folder / ".upsample").mkdir()
        (folder / ".upsample" / "a.upsample.json").touch()
        self.queue = folder / "queue.db"
        with closing(sqlite3.connect(self.queue)) as db:
            db.execute("CREATE TABLE jobs (number, prompt, state)")
            db.commit()
        self.add_row(1)

    def add_row(self, number: int) -> None:
        with closing(sqlite3.connect(self.queue)) as db:
            db.execute("INSERT INTO jobs VALUES (?, ?, 'done')", (number, _PROMPT))
            db.commit()

    def troubles(self, reassigned: Sequence[int] = ()) -> list[str]:
        houses = [
            SimpleNamespace(
                site=SimpleNamespace(box_orders=SimpleNamespace(told=_nothing)),
                laptop=SimpleNamespace(queue_file=self.queue),
                engine_told=lambda lines=lines: lines,
                prompts_of_jobs=lambda: {_JOB: _PROMPT},
            )
            for lines in self.lines
        ]
        batch = Batch("b", cast(House, houses[0]), prompts={_PROMPT: (self.file, 0)})
        batch.lives = [Life((), 0.0, 9.0, 0, self.events)]
        found = judge_fleet(batch, cast(list[House], houses), reassigned)
        return [trouble.partition(":")[0] for trouble in found.troubles]


def _nothing(_log: str) -> list[JsonObject]:
    return []


def _answered(text: str, at: float) -> list[JsonObject]:
    return [
        {"at": at, "event": "begun", "prompt": _PROMPT},
        {"at": at + 1, "event": "completed", "prompt": _PROMPT, "text": text},
    ]


@pytest.fixture
def made_up(tmp_path: Path) -> MadeUp:
    return MadeUp(tmp_path)


def test_only_what_was_given_to_the_other_box_may_begin_on_both(made_up: MadeUp) -> None:
    assert made_up.troubles() == []
    made_up.lines[1].extend(_answered("at dawn", 3.0))
    assert made_up.troubles() == ["REPEATED"]
    assert made_up.troubles(reassigned=[1]) == []


def test_a_second_answer_is_kept_once_and_said(made_up: MadeUp) -> None:
    made_up.lines[1].extend(_answered("at dawn", 3.0))
    made_up.add_row(2)
    assert made_up.troubles(reassigned=[1]) == ["LOST", "LOST"]
    made_up.events.append((5.0, {"type": "answered twice", "job": 1, "candidate": 2}))
    assert made_up.troubles(reassigned=[1]) == []
    assert made_up.troubles() == ["REPEATED", "DOUBLED"]
