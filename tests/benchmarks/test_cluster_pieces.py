"""The benchmark of clusters works: batches are answered, and what is counted adds up.

No speed is looked at.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster import Course, doublings, with_replicas
from benchmarks.cluster_box import Lap
from benchmarks.paced_server import paced_server
from remote.protocol import Answer
from tests.support.ray_clusters import ray_cluster

_PIECES = 5


def _answer(started: float, ended: float) -> Answer:
    return Answer("text", "stop", "openai", 20, _PIECES, "", "", 1, started, ended)


def test_a_pace_is_of_all_answers_from_the_first_one_s_beginning_to_the_last_one_s_end() -> None:
    lap = Lap((_answer(0.0, 2.0), _answer(0.5, 2.5), _answer(2.0, 4.0)), {"daemon": 0.3}, 0.0, 0.0)
    assert (lap.pace, lap.token_pace) == (3 / 4.0, 3 * _PIECES / 4.0)
    assert lap.cost == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("above", "most", "counts"), [(8, 64, [16, 32, 64]), (8, 40, [16, 32, 40]), (8, 12, [12])]
)
def test_the_number_of_replicas_doubles_up_to_the_last_one(
    above: int, most: int, counts: list[int]
) -> None:
    assert doublings(above, most) == counts


@pytest.mark.ray
@pytest.mark.timeout(300)
async def test_a_batch_is_measured_on_a_real_cluster(tmp_path: Path) -> None:
    with ray_cluster(tmp_path, nodes=1) as cluster, paced_server(0.1, _PIECES) as server:
        course = Course(tmp_path, cluster, slots=2, seconds=0.1, waves=2)
        lap = await with_replicas(course, server, 2)
    assert len(lap.answers) == 8
    assert {answer.completion_tokens for answer in lap.answers} == {_PIECES}
    assert set(lap.costs) == {"daemon", "model server", "driver", "replicas", "Ray"}
    assert lap.pace <= 2 * course.allowed
