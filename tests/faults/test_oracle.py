"""The oracle finds what must not be: each of its verdicts on a batch that was made up to deserve it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from remote.protocol import Request, Sampling
from tests.faults.batch import Batch
from tests.faults.field import House, JsonObject
from tests.faults.kind import Frozen
from tests.faults.kinds import KINDS
from tests.faults.oracle import judge
from tests.faults.seen import Injected, Life, Switch

_KIND = {kind.name: kind for kind in KINDS}
PROMPT, TEXT, JOB, LABEL = "scene 1", "scene 1, at dusk.", "ab" * 32, "model 0"
DRAWS = [0, 100, 200]
"""The seeds that this prompt needs."""


class MadeUp:
    """A batch of one prompt that went well, until a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.engine: list[JsonObject] = [
            {"at": 2.0, "event": "begun", "prompt": PROMPT, "label": LABEL},
            {"at": 3.0, "event": "completed", "prompt": PROMPT, "label": LABEL, "text": TEXT},
        ]
        self.durable: list[JsonObject] = [
            {"at": 1.0, "kind": "accepted", "job": JOB},
            {"at": 4.0, "kind": "finished", "job": JOB},
        ]
        self.events: list[tuple[float, JsonObject]] = [
            (1.5, {"type": "sent", "job": 1, "name": "a", "identity": JOB}),
            (4.5, {"type": "done", "job": 1, "prompt": TEXT}),
        ]
        self.kind_of_engine = "vllm"
        self.injected: list[Injected] = []
        self.lives: list[Life] = []
        self.switches: list[Switch] = []
        self.moved: list[Path] = []
        self.frozen: list[Frozen] = []
        self.request = Request("p", "m", "", PROMPT, (), Sampling(0.0, 8, 0), engine="vllm 1")
        self.file = folder / "a.json"
        self.write(TEXT)
        (folder / ".upsample").mkdir()
        (folder / ".upsample" / "a.upsample.json").touch()
        self.queue = folder / "queue.db"
        with closing(sqlite3.connect(self.queue)) as db:
            db.execute("CREATE TABLE jobs (number, prompt, state, request)")
            request = json.dumps(asdict(self.request))
            db.execute("INSERT INTO jobs VALUES (1, ?, 'done', ?)", (PROMPT, request))
            db.commit()
        self.root = folder / "box"

    def write(self, prompt: str) -> None:
        self.file.write_text(json.dumps([{"prompt": prompt}]))

    def draw_objects(self, counted: list[int], asked: list[int]) -> None:
        """Let the answer be an object: these seeds are in its provenance, and were asked for."""
        self.kind_of_engine = "objects"
        self.engine = [
            {"at": 2.0 + n, "prompt": PROMPT, "label": LABEL, "seed": seed, **line}
            for n, seed in enumerate(asked)
            for line in ({"event": "begun"}, {"event": "completed", "text": f"{seed}"})
        ]
        self.engine[-1]["text"] = TEXT
        result = {"entry": 0, "seed": 200, "draws": [{"seed": seed} for seed in counted[:-1]]}
        sidecar = self.file.parent / ".upsample" / "a.upsample.json"
        sidecar.write_text(json.dumps({"results": [result]}))

    def troubles(self) -> list[str]:
        orders = SimpleNamespace(told=lambda log: self.durable if log == "durable" else [])
        house = SimpleNamespace(
            site=SimpleNamespace(box_orders=orders),
            laptop=SimpleNamespace(queue_file=self.queue),
            engine=self.kind_of_engine,
            engine_told=lambda: self.engine,
            prompts_of_jobs=lambda: {JOB: PROMPT},
            requests=lambda: {JOB: self.request},
            answers=lambda: {JOB: TEXT},
        )
        batch = Batch("b", cast(House, house), prompts={PROMPT: (self.file, 0)})
        batch.lives = [*self.lives, Life((), 0.0, 9.0, 0, self.events)]
        batch.injected, batch.switches, batch.moved = self.injected, self.switches, self.moved
        batch.frozen = self.frozen
        return [trouble.partition(":")[0] for trouble in judge(batch).troubles]


@pytest.fixture
def made_up(tmp_path: Path) -> MadeUp:
    return MadeUp(tmp_path)


def test_a_batch_that_went_well_is_no_trouble(made_up: MadeUp) -> None:
    assert made_up.troubles() == []


@pytest.mark.parametrize("content", ["", '[{"prompt": "scene 1, at d', "[]"])
def test_a_file_that_is_not_whole_is_a_lost_result(made_up: MadeUp, content: str) -> None:
    made_up.file.write_text(content)
    assert made_up.troubles() == ["LOST"]


def test_a_prompt_that_stands_as_it_was_is_lost(made_up: MadeUp) -> None:
    made_up.write(PROMPT)
    assert made_up.troubles() == ["LOST"]


def test_a_missing_file_is_lost(made_up: MadeUp) -> None:
    made_up.file.unlink()
    assert made_up.troubles() == ["LOST"]


def test_a_job_that_is_not_done_is_lost(made_up: MadeUp) -> None:
    with closing(sqlite3.connect(made_up.queue)) as db:
        db.execute("UPDATE jobs SET state = 'sent'")
        db.commit()
    assert made_up.troubles() == ["LOST"]


def test_a_text_that_the_engine_broke_off_is_wrong(made_up: MadeUp) -> None:
    made_up.engine[1]["event"] = "broken off"
    assert made_up.troubles() == ["WRONG"]


def test_another_text_than_the_one_that_was_told_is_wrong(made_up: MadeUp) -> None:
    other = "scene 1, at dawn."
    made_up.engine.append(
        {"at": 3.5, "event": "completed", "prompt": PROMPT, "label": LABEL, "text": other}
    )
    made_up.write(other)
    assert made_up.troubles() == ["WRONG"]


def test_two_texts_for_one_job_are_doubled(made_up: MadeUp) -> None:
    made_up.events.append((5.0, {"type": "done", "job": 1, "prompt": "scene 1, at dawn."}))
    assert made_up.troubles() == ["DOUBLED"]


def test_an_acknowledgement_ahead_of_the_disk_is_found(made_up: MadeUp) -> None:
    made_up.durable[0]["at"] = 1.9
    assert made_up.troubles() == ["LOST"]


def test_work_that_is_repeated_for_a_fault_of_the_link_is_found(made_up: MadeUp) -> None:
    made_up.engine.insert(1, {"at": 2.5, "event": "begun", "prompt": PROMPT, "label": LABEL})
    made_up.injected = [Injected(0, _KIND["link: reset"], 2.2)]
    assert made_up.troubles() == ["REPEATED"]


def test_work_that_was_in_flight_when_the_daemon_died_may_be_repeated(made_up: MadeUp) -> None:
    made_up.engine.insert(1, {"at": 2.5, "event": "begun", "prompt": PROMPT, "label": LABEL})
    made_up.injected = [Injected(0, _KIND["daemon: kill -9"], 2.2)]
    assert made_up.troubles() == []


def test_work_that_is_repeated_although_its_result_was_durable_is_found(made_up: MadeUp) -> None:
    made_up.engine.append({"at": 5.0, "event": "begun", "prompt": PROMPT, "label": LABEL})
    made_up.injected = [Injected(0, _KIND["daemon: kill -9"], 4.2)]
    assert made_up.troubles() == ["REPEATED"]


def test_a_result_of_a_model_server_that_was_replaced_before_it_was_asked_is_wrong(
    made_up: MadeUp,
) -> None:
    made_up.switches = [Switch("model 1", frozenset())]
    assert made_up.troubles() == ["WRONG"]


def test_a_result_of_a_model_server_that_was_asked_before_it_was_replaced_stays(
    made_up: MadeUp,
) -> None:
    made_up.switches = [Switch("model 1", frozenset({PROMPT}))]
    assert made_up.troubles() == []


def test_one_engine_s_answer_for_another_one_is_wrong(made_up: MadeUp) -> None:
    other = "scene 1, at dawn."
    line = {"event": "completed", "prompt": PROMPT, "label": "model 1", "text": other}
    made_up.engine.append({"at": 3.5, **line})
    made_up.events[-1][1]["prompt"] = other
    made_up.write(other)
    assert made_up.troubles() == ["WRONG"]


def test_what_another_model_server_is_asked_is_not_repeated(made_up: MadeUp) -> None:
    made_up.engine.append({"at": 5.0, "event": "begun", "prompt": PROMPT, "label": "model 1"})
    assert made_up.troubles() == []


def test_work_is_repeated_when_the_box_lost_its_durable_result_with_a_snapshot(
    made_up: MadeUp,
) -> None:
    made_up.engine.append({"at": 5.0, "event": "begun", "prompt": PROMPT, "label": LABEL})
    made_up.injected = [Injected(0, _KIND["history: box set back to a snapshot"], 4.2)]
    assert made_up.troubles() == []


@pytest.mark.parametrize(
    ("last", "verdicts"),
    [("accepted", ["LOST"]), ("finished", ["LOST"]), ("failed", []), (None, [])],
)
def test_a_job_that_fails_for_a_source_that_the_box_needs_no_more_is_lost(
    made_up: MadeUp, last: str | None, verdicts: list[str]
) -> None:
    made_up.injected = [
        Injected(0, _KIND["history: another journal, source moved"], 4.2),
        Injected(1, _KIND["daemon: kill -9"], 4.2),
    ]
    made_up.moved = [Path("a-0.ppm")]
    if last is None:
        made_up.durable.clear()
        made_up.events.pop(0)
    else:
        made_up.durable.append({"at": 4.25, "kind": last, "job": JOB})
    made_up.events.append((4.3, {"type": "failed", "job": 1, "error": "a-0.ppm does not exist."}))
    assert made_up.troubles() == verdicts


@pytest.mark.parametrize(
    "event",
    [{"type": "failed", "error": "cannot be reached"}, {"type": "started", "reason": "hung up"}],
)
def test_an_outage_that_costs_a_job_or_an_attempt_is_found(
    made_up: MadeUp, event: JsonObject
) -> None:
    made_up.injected = [Injected(0, _KIND["history: model server away"], 2.2)]
    made_up.events.append((4.3, {"job": 1, **event}))
    assert made_up.troubles() == ["LOST"]


def test_a_run_that_ends_for_a_refused_login_though_it_was_at_work_is_found(
    made_up: MadeUp,
) -> None:
    made_up.injected = [Injected(0, _KIND["history: login refused"], 2.2)]
    live: tuple[float, JsonObject] = (1.0, {"type": "link", "state": "live"})
    made_up.lives = [Life((), 0.0, 5.0, 3, [live], "h refused the login: no")]
    assert made_up.troubles() == ["ENDED"]


@pytest.mark.parametrize(
    ("frozen", "verdicts"),
    [
        (Frozen(5, (), True, ()), []),
        (Frozen(5, (PROMPT,), True, ()), ["LOST"]),
        (Frozen(5, (), False, ()), ["LOST"]),
        (Frozen(5, (), True, ("home/queue.db",)), ["TOUCHED"]),
    ],
)
def test_what_a_box_does_alone_is_all_of_it_and_touches_nothing_of_the_laptop(
    made_up: MadeUp, frozen: Frozen, verdicts: list[str]
) -> None:
    made_up.injected = [Injected(0, _KIND["history: hand-over, killed and frozen"], 1.6)]
    made_up.frozen = [frozen]
    assert made_up.troubles() == verdicts


@pytest.mark.parametrize(
    ("counted", "asked", "told", "verdicts"),
    [
        (DRAWS, DRAWS, 2, []),
        (DRAWS[1:], DRAWS, 2, ["WRONG"]),
        ([*DRAWS, 0], DRAWS, 2, ["WRONG"]),
        (DRAWS, [*DRAWS, 300], 2, ["WRONG"]),
        (DRAWS, [0, *DRAWS], 2, ["REPEATED"]),
        (DRAWS, DRAWS, 1, ["WRONG"]),
    ],
)
def test_draws_are_asked_for_once_and_counted_and_told(
    made_up: MadeUp, counted: list[int], asked: list[int], told: int, verdicts: list[str]
) -> None:
    made_up.draw_objects(counted, asked)
    again: JsonObject = {"type": "drawn again", "job": 1, "name": "a"}
    made_up.events += [(4.2, again)] * told
    assert made_up.troubles() == verdicts


@pytest.mark.parametrize(("answers", "verdicts"), [(1, []), (2, []), (3, ["LOST"])])
def test_a_job_whose_answer_was_not_taken_may_fail_for_a_source_that_was_moved(
    made_up: MadeUp, answers: int, verdicts: list[str]
) -> None:
    made_up.draw_objects(DRAWS, DRAWS)
    made_up.injected = [Injected(0, _KIND["history: another journal, source moved"], 4.2)]
    made_up.moved = [Path("a-0.ppm")]
    made_up.durable += [made_up.durable[-1]] * (answers - 1)
    made_up.events.append((4.3, {"type": "failed", "job": 1, "error": "a-0.ppm does not exist."}))
    assert made_up.troubles() == verdicts
