"""What was lost is told once, with what is repeated: a node with all its replicas, or some replicas."""

from __future__ import annotations

from remote.engines.ray.losses import Loss, Losses

DEAD = "The actor is dead because its node has died."


def test_a_node_that_leaves_is_told_once_with_all_that_it_had() -> None:
    losses = Losses()
    assert losses.tell(["a", "b"]) == []
    for number in (4, 5):
        losses.note(Loss(number, "b", DEAD, {10 * number, 10 * number + 1}))
    assert losses.tell(["a"]) == []  # more may be noticed
    losses.note(Loss(6, "b", DEAD, {60}))
    assert losses.tell(["a"]) == [
        "node b has left the cluster, with replicas 4, 5 and 6; the 5 requests that they worked on begin "
        "anew on others"
    ]
    assert losses.tell(["a"]) == losses.tell([]) == []
    assert losses.tell([]) == ["node a has left the cluster"]
    assert losses.tell([]) == []


def test_a_replica_is_told_with_its_node_that_is_seen_to_be_gone_a_moment_later() -> None:
    losses = Losses()
    losses.tell(["a"])
    losses.note(Loss(0, "a", DEAD, {1}))
    assert losses.tell(["a"]) == losses.tell([]) == []
    assert losses.tell([]) == [
        "node a has left the cluster, with replica 0; the request that it worked on begins anew on "
        "another one"
    ]
    assert losses.tell([]) == []


def test_replicas_whose_node_stays_are_told_together_with_the_reason() -> None:
    losses = Losses()
    losses.tell(["a", "b"])
    silent = "it has not answered for 10 s"
    losses.note(Loss(1, "a", silent, {7}))
    losses.note(Loss(0, "a", silent))
    losses.note(Loss(3, "", "its place is gone"))
    assert losses.tell(["a", "b"]) == []
    assert losses.tell(["a", "b"]) == [
        "replicas 0 and 1 on a are lost: it has not answered for 10 s; the request that they worked on "
        "begins anew on another one",
        "replica 3 is lost: its place is gone",
    ]


def test_of_nodes_with_one_name_each_is_told() -> None:
    losses = Losses()
    losses.tell(["a", "a", "a"])
    assert losses.tell(["a", "a"]) == []
    assert losses.tell(["a", "a"]) == ["node a has left the cluster"]
