"""A batch that was handed over is done by the box alone, and fetched by a later run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.handed_over import GONE, SLOTS, STAYS, Done, do_all, table
from tests.support.sshd import find_sshd

_JOBS = 60


@pytest.mark.campaign
@pytest.mark.timeout(600)
async def test_a_box_does_alone_what_was_handed_over_and_a_later_run_fetches_each_result_once(
    tmp_path: Path,
) -> None:
    find_sshd()
    told: list[str] = []
    (done,) = await do_all(_JOBS, 1, 7, tmp_path / "evidence", told.append, ways=[GONE])
    assert done.troubles == (), "\n".join(told)
    assert done.left > 0


def test_what_a_way_takes_is_compared_within_a_lap() -> None:
    # The second lap fell into a time when the machine was twice as slow.
    done = [
        Done(lap, way, 10, tuple(it * (lap + 1) for it in cpu), (5.0,), 0, ())
        for lap in (0, 1)
        for way, cpu in ((SLOTS, (2.0,)), (STAYS, (2.0,)), (GONE, (1.0, 2.0)))
    ]
    _, _, slots, stays, gone = table(done).splitlines()
    assert slots == "| slots | 300.00 ms | 1.000 (1.000 – 1.000) | 5 |"
    assert stays == "| hand-over | 300.00 ms | 1.000 (1.000 – 1.000) | 5 |"
    assert gone == "| hand-over, app gone | 450.00 ms | 1.500 (1.500 – 1.500) | 5 |"
