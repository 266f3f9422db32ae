"""Checks whether a Ray cluster can be joined, and whether its nodes have room, the model and a token."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from remote.checks.examination import Good, NotCheckedError, Wrong, gib, run_program
from remote.engines.ray.messages import SURVEY_COMMAND, ClusterSurvey, Unable, from_text
from remote.engines.ray.replica_set import gpus_of_replica, replicas_wanted, why_no_place
from remote.engines.vllm.command import expand_home
from remote.protocol import ProtocolError, Setup

_LEAST_FREE = 1 << 30
"""Bytes of a node's disk below which a warning is due: vLLM keeps there what it compiles."""


async def find_cluster(setup: Setup, runner: Path) -> Good[ClusterSurvey]:
    """Join the cluster as the driver does, or start Ray for a moment, and look at each node."""
    assert setup.ray is not None  # noqa: S101 - for mypy
    python = expand_home(setup.ray.python)
    command = [python, str(runner), SURVEY_COMMAND, json.dumps(asdict(setup))]
    try:
        told = await run_program(command, os.environ)
    except OSError as error:
        raise Wrong(
            f"cannot start {python}: {error.strerror}",
            'Set ray.python of the box to a Python that has Ray, as in "~/ray/bin/python".',
        ) from None
    try:
        found = from_text(told.output.strip().rpartition("\n")[2])
    except ProtocolError:
        raise Wrong(told.last_words, f"Try it on the box: {python} -c 'import ray'") from None
    if isinstance(found, Unable):
        problem, _, remedy = found.message.partition(". ")
        raise Wrong(problem, remedy or "The box tries again by itself.")
    if not isinstance(found, ClusterSurvey):
        raise Wrong("the look at the cluster said something else", "Update upsample.")
    done = "joined" if setup.ray.address else "started"
    versions = f"Ray {found.ray} with Python {found.python}"
    return Good(found, f"{versions}, {done} in {found.seconds:.1f} s")


async def find_token(setup: Setup, survey: ClusterSurvey) -> Good[None]:
    """Say whether anybody who reaches the cluster may run what they like there."""
    if setup.ray is not None and not setup.ray.address:
        return Good(None, "the box starts Ray with a token that nobody else has")
    if not survey.is_open:
        return Good(None, "the cluster asks for a token")
    return Good(
        None,
        "whoever reaches this cluster may run anything there as its user",
        "Start Ray with RAY_AUTH_MODE=token and the same token on all nodes, or see to it that nobody else "
        "reaches its ports.",
    )


async def find_places(setup: Setup, survey: ClusterSurvey) -> Good[None]:
    """Check whether there is room for the replicas."""
    assert setup.ray is not None  # noqa: S101 - for mypy
    each, gpus = gpus_of_replica(setup), [node.gpus for node in survey.nodes]
    fitting = replicas_wanted(0, each, gpus)
    nodes = "1 node" if len(gpus) == 1 else f"{len(gpus)} nodes"
    has = f"{nodes} with {sum(gpus):g} GPUs"
    if not fitting:
        problem, remedy = why_no_place(each, gpus)
        raise Wrong(f"{has}: {problem}", f"{remedy}.")
    wanted = setup.ray.replicas
    if each and wanted > fitting:
        detail = f"{has}: room for {fitting} of {wanted} replicas"
        remedy = "The others wait for GPUs; with ray.replicas = 0, there are as many as fit."
        return Good(None, detail, remedy)
    return Good(None, f"{has}: {wanted or fitting} replicas")


async def find_models(setup: Setup, survey: ClusterSurvey) -> Good[None]:
    """Check whether each node has the model, where it is a folder."""
    if setup.answering != "vllm":
        raise NotCheckedError("because replicas with this engine load no model")
    told = [node for node in survey.nodes if node.has_model is not None]
    if not told:
        raise NotCheckedError("because it is no folder: each node fetches it by itself")
    missing = [node.name for node in told if not node.has_model]
    if missing:
        raise Wrong(
            f"{setup.model} is not on {', '.join(missing)}",
            "Put it there, at the same path, or let all nodes see one disk.",
        )
    return Good(None, f"{setup.model} is on each of {len(told)}")


async def find_disks(survey: ClusterSurvey) -> Good[None]:
    """Check whether each node answered, and has room on the disk."""
    silent = [node.name for node in survey.nodes if node.free is None]
    if silent:
        raise Wrong(
            f"no answer from {', '.join(silent)}",
            "Is the node overloaded? `ray status` and `ray list nodes` say what Ray knows of it.",
        )
    least = min((node for node in survey.nodes), key=lambda it: it.free or 0)
    detail = f"at least {gib(least.free or 0)} free where the root is"
    short = (least.free or 0) < _LEAST_FREE
    return Good(None, detail, f"Make room on {least.name}." if short else "")
