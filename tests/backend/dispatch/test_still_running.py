"""When a front end exits, it says which jobs still run and which wait."""

from __future__ import annotations

from pathlib import Path

from backend.dispatch.runs.still_running import describe_still_running
from backend.store import Job, State


def job(box: str, state: State) -> Job:
    return Job(
        key="k", box=box, file=Path("a"), entry=0, name="n", prompt="p", video=None, candidate=0,
        seed=0, settings="{}", destination=Path("o"), number=1, state=state, identity=None,
        estimate=0, error="", attempts=0, queued=0.0, changed=0.0,
    )  # fmt: skip


def test_what_a_box_has_goes_on_there_and_the_rest_waits() -> None:
    states = (
        State.SENT, State.RUNNING, State.QUEUED, State.PREPARING, State.PAUSED, State.DONE, State.FAILED,
    )  # fmt: skip
    jobs = [job("h100", state) for state in states] + [job("a10", State.RUNNING)]
    assert describe_still_running(jobs, "open upsample again") == [
        "1 job goes on on a10; open upsample again to see it.",
        "2 jobs go on on h100; open upsample again to see them.",
        "2 jobs wait in the queue; open upsample again to send them.",
        "1 job stays paused until you resume it.",
    ]


def test_when_all_has_ended_nothing_is_said() -> None:
    assert describe_still_running([job("h100", State.DONE)], "open upsample again") == []
