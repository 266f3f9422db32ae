"""What is said about a Ray cluster."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote.checks.cluster import find_cluster, find_disks, find_models, find_places, find_token
from remote.checks.examination import NotCheckedError, Wrong
from remote.engines.ray.messages import ClusterSurvey, NodeFacts
from remote.protocol import RaySetup, Setup, VllmSetup

_GB = 10**9
_VLLM = VllmSetup(("vllm",), "auto", 4096, 8, 2, 2, 0.9)
SETUP = Setup(
    "~/box", "ray", "/models/m", 900, vllm=_VLLM, ray=RaySetup("auto", 0, "vllm", "python3")
)
NODES = (NodeFacts("a", 8.0, True, 90 * _GB), NodeFacts("b", 3.0, True, 80 * _GB))


def survey(*nodes: NodeFacts, is_open: bool = False) -> ClusterSurvey:
    return ClusterSurvey("2.60.0", "3.12.1", is_open, 0.4, nodes or NODES)


async def test_the_room_for_replicas_is_told() -> None:
    found = await find_places(SETUP, survey())
    assert (found.detail, found.remedy) == ("2 nodes with 11 GPUs: 5 replicas", "")
    many = replace(SETUP, ray=RaySetup("auto", 9, "vllm", "python3"))
    warned = await find_places(many, survey())
    assert warned.detail == "2 nodes with 11 GPUs: room for 5 of 9 replicas"
    assert "ray.replicas = 0" in warned.remedy
    with pytest.raises(Wrong, match=r"1 node with 1 GPUs: a replica takes 2 GPUs of one node"):
        await find_places(SETUP, survey(NodeFacts("a", 1.0, True, _GB)))


async def test_a_model_that_is_missing_on_one_node_is_told_with_the_node() -> None:
    assert (await find_models(SETUP, survey())).detail == "/models/m is on each of 2"
    with pytest.raises(Wrong, match="/models/m is not on b"):
        await find_models(SETUP, survey(NODES[0], replace(NODES[1], has_model=False)))
    with pytest.raises(NotCheckedError, match="no folder"):
        await find_models(SETUP, survey(replace(NODES[0], has_model=None)))


async def test_a_cluster_that_is_open_to_anyone_is_warned_of() -> None:
    assert (await find_token(SETUP, survey())).remedy == ""
    assert "RAY_AUTH_MODE=token" in (await find_token(SETUP, survey(is_open=True))).remedy
    ours = replace(SETUP, ray=RaySetup("", 0, "vllm", "python3"))
    assert (await find_token(ours, survey(is_open=True))).remedy == ""


async def test_a_full_disk_and_a_silent_node_are_told_with_the_node() -> None:
    assert (await find_disks(survey())).detail.startswith("at least 74.5 GiB free")
    assert (await find_disks(survey(NODES[0], replace(NODES[1], free=5)))).remedy.endswith("on b.")
    with pytest.raises(Wrong, match="no answer from b"):
        await find_disks(survey(NODES[0], replace(NODES[1], free=None)))


async def test_a_python_without_ray_and_one_that_is_missing_are_told(
    tmp_path: Path, compiled_runner: bytes
) -> None:
    runner = tmp_path / "runner.pyz"
    runner.write_bytes(compiled_runner)
    bare = replace(SETUP, ray=RaySetup("", 0, "vllm", sys.executable))
    with pytest.raises(Wrong, match="has no Ray"):
        await find_cluster(bare, runner)
    missing = replace(SETUP, ray=RaySetup("", 0, "vllm", "/no/python"))
    with pytest.raises(Wrong, match="cannot start /no/python"):
        await find_cluster(missing, runner)
