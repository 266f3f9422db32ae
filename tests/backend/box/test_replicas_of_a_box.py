"""What is shown of the replicas of a box, and how one of them is drained or started anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.box import replica_changes as module
from backend.box.asker import UnattendedAsker
from backend.box.links.link import Box
from backend.box.replica_changes import change_replica
from backend.box.replicas import (
    ReplicaRow,
    in_flight_text,
    replica_rows,
    restart_words,
)
from backend.errors import BoxUnusable, InputError
from remote.protocol import (
    DRAIN,
    ChangeReplica,
    EngineLoad,
    PartLoad,
    ReplicaStatus,
    Setup,
    Status,
)
from tests.support.near_box import looked_at

BOX = Box("lab", "lab-head", Setup("/root", "ray", "", 1.0))
PARTS = (PartLoad("0", 3, 1, 0.25, 120.0), PartLoad("1", 2, 0, 0.5))


def status(load: EngineLoad | None, *replicas: ReplicaStatus) -> Status:
    return Status(1.0, "ready", 0, 5, load, (), 16, replicas)


def test_each_replica_has_a_row_with_its_load_and_so_has_each_engine_of_a_vllm() -> None:
    told = (
        ReplicaStatus("0", "ready", "", "a", "0,1", 8, 4, 2),
        ReplicaStatus("2", "placing", "no node is free"),
    )
    load = EngineLoad(5, 1, parts=PARTS)
    assert replica_rows(status(load, *told)) == [
        ReplicaRow("0", "ready", "", "a", "0,1", 4, 8, 120.0, 0.25, 2),
        ReplicaRow("2", "placing", "no node is free", in_flight=0, slots=0, restarts=0),
    ]
    assert replica_rows(status(load)) == [
        ReplicaRow("0", in_flight=3, slots=8, rate=120.0, cache_usage=0.25),
        ReplicaRow("1", in_flight=2, slots=8, cache_usage=0.5),
    ]
    assert replica_rows(status(EngineLoad(5, 1))) == replica_rows(status(None)) == []


@pytest.mark.parametrize(
    ("row", "shown", "repeated"),
    [
        (
            ReplicaRow("0", "ready", in_flight=3, slots=8),
            "3/8",
            "The 3 requests that it works on begin",
        ),
        (
            ReplicaRow("0", "ready", in_flight=1, slots=8),
            "1/8",
            "The request that it works on begins",
        ),
        (ReplicaRow("0", "starting", in_flight=0, slots=0), "0", "nothing is repeated"),
        (ReplicaRow("0", "drained", in_flight=0, slots=0), "0", "It is started again"),
        (ReplicaRow("0"), "", "nothing is repeated"),
    ],
)
def test_a_new_start_says_what_it_repeats(row: ReplicaRow, shown: str, repeated: str) -> None:
    assert in_flight_text(row) == shown
    assert repeated in restart_words(row)


async def test_a_box_does_it_or_says_why_not_and_one_of_an_earlier_version_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looked_at(tmp_path, monkeypatch, module) as near:
        await change_replica(BOX, UnattendedAsker(), "3", DRAIN)
        asked = [message for message in near.sent if isinstance(message, ChangeReplica)]
        assert asked == [ChangeReplica(1, "3", DRAIN)]
        near.refusal = "there is no replica 3; there are 0, 1"
        with pytest.raises(InputError, match="replica 3 of lab stays as it is: there is no"):
            await change_replica(BOX, UnattendedAsker(), "3", DRAIN)
        near.protocol = 8
        near.sent.clear()
        with pytest.raises(BoxUnusable, match="earlier version, which cannot change replicas"):
            await change_replica(BOX, UnattendedAsker(), "3", DRAIN)
        assert {message.type for message in near.sent} == {"hello"}
