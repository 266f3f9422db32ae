"""Which replica gets a request, what the replicas serve together, and when none can answer."""

from __future__ import annotations

import pytest

from remote.engines.ray.messages import AWAY, News
from remote.engines.ray.replica_set import (
    Phase,
    ReplicaMember,
    ReplicaSet,
    replicas_wanted,
    why_no_place,
)


def news(serves: str = "vllm 1", phase: Phase = Phase.READY, **changes: object) -> News:
    told: dict[str, object] = {
        "node": "a", "state": phase.value, "detail": "", "serves": serves, "slots": 4,
        "name": "vllm 0.32.0", "model": "", "context": 0, "stage": "ready", **changes,
    }  # fmt: skip
    return News(**told)  # type: ignore[arg-type]


def set_of(*told: News | None) -> ReplicaSet:
    replicas = ReplicaSet()
    for number, it in enumerate(told):
        member = ReplicaMember(number)
        if it is not None:
            member.hear(it)
        replicas.members.append(member)
    replicas.agree()
    return replicas


def test_the_least_busy_replica_gets_the_next_request() -> None:
    replicas = set_of(news(slots=4), news(slots=8), news(phase=Phase.STARTING))
    given = []
    for number in range(12):
        member = replicas.choose()
        assert member is not None
        member.in_flight.add(number)
        given.append(member.number)
    assert (given.count(0), given.count(1)) == (4, 8)
    assert sorted(given[:3]) == [0, 1, 1]
    assert replicas.choose() is None
    assert replicas.slots == 12


def test_a_replica_that_is_not_wanted_any_more_gets_nothing_and_has_no_slots() -> None:
    replicas = set_of(news(), news())
    replicas.members[0].is_unwanted = True
    chosen = replicas.choose()
    assert chosen is not None
    assert chosen.number == 1
    assert replicas.slots == 4


def test_what_most_replicas_serve_counts_and_the_others_are_refused_once() -> None:
    replicas = ReplicaSet()
    for number, serves in enumerate(["vllm 2", "vllm 1", "vllm 1"]):
        member = ReplicaMember(number)
        member.hear(news(serves))
        replicas.members.append(member)
    assert [it.number for it in replicas.agree()] == [0]
    assert replicas.serves == "vllm 1"
    assert replicas.members[0].detail == "it serves vllm 2, and the others serve vllm 1"
    assert replicas.agree() == []
    assert replicas.slots == 8


def test_one_against_one_leaves_it_as_it_was_and_the_last_one_left_decides() -> None:
    replicas = set_of(news("vllm 1"), news("vllm 2"))
    assert replicas.serves == "vllm 1"
    replicas.members[0].lose("its node is gone")
    replicas.members[1].hear(news("vllm 2"))
    assert replicas.agree() == []
    assert replicas.serves == "vllm 2"
    assert replicas.slots == 4


def test_a_request_waits_while_a_replica_starts_and_not_when_all_have_failed() -> None:
    failed = news(phase=Phase.FAILED, detail="no such model", retry_after=30.0)
    assert set_of(failed, news(phase=Phase.STARTING)).hopeless(1, "") is None
    assert set_of(failed, None).hopeless(1, "") is None
    trouble = set_of(failed, failed).hopeless(1, "")
    assert trouble is not None
    assert (trouble.kind, trouble.retry_after, trouble.for_good) == (AWAY, 30.0, False)
    assert trouble.message == "replica 0 on a: no such model"


def test_what_nobody_can_mend_by_waiting_is_said_only_when_it_holds_for_all() -> None:
    for_good = news(phase=Phase.FAILED, detail="no such model", for_good=True)
    passing = news(phase=Phase.AWAY, detail="it has too much to do")
    both = set_of(for_good, passing).hopeless(1, "")
    assert both is not None
    assert (both.for_good, both.message) == (False, "replica 1 on a: it has too much to do")
    alone = set_of(for_good).hopeless(1, "")
    assert alone is not None
    assert alone.for_good
    placeless = set_of(None).hopeless(1, "no node has a GPU")
    assert placeless is not None
    assert placeless.message == "no node has a GPU"


def test_the_daemon_is_told_all_replicas_and_the_stage_of_the_nearest_one() -> None:
    loading = news(phase=Phase.STARTING, stage="loading weights")
    starting = news(phase=Phase.STARTING, stage="starting", name="vllm")
    replicas = set_of(starting, loading, None)
    replicas.members[2].lose("it has died")
    state = replicas.describe()
    assert (state.stage, state.name, state.slots) == ("loading weights", "vllm 0.32.0", 0)
    assert [(it.state, it.restarts) for it in state.each] == [
        ("starting", 0), ("starting", 0), ("placing", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("replicas", "each", "gpus", "wanted"),
    [
        (3, 1, [8.0], 3),
        (0, 1, [8.0, 4.0], 12),
        (0, 4, [8.0, 6.0, 2.0], 3),
        (0, 2, [], 0),
        (0, 0, [0.0, 0.0, 8.0], 3),
    ],
)
def test_there_are_as_many_replicas_as_fit_or_as_are_set(
    replicas: int, each: int, gpus: list[float], wanted: int
) -> None:
    assert replicas_wanted(replicas, each, gpus) == wanted


def test_a_replica_without_a_place_is_told_why() -> None:
    assert ". ".join(why_no_place(1, [])).startswith(
        "the cluster has no node that is alive. Start Ray on"
    )
    assert "and no node of the cluster has a GPU. Add nodes that have some" in ". ".join(
        why_no_place(1, [0.0])
    )
    assert "and no node has more than 2. Set a smaller" in ". ".join(why_no_place(4, [2.0, 1.0]))
    assert "something else uses its GPUs" in ". ".join(why_no_place(1, [2.0]))
