"""Reads the stage of a starting vLLM from its log."""

from __future__ import annotations

import enum
import re


class Stage(enum.Enum):
    """The stages of a server, in order. Some versions and settings skip some."""

    STARTING = "starting"
    LOADING = "loading weights"
    COMPILING = "compiling"
    CAPTURING = "capturing graphs"
    WARMING = "answering a first request"
    READY = "ready"

    def comes_after(self, other: Stage) -> bool:
        """Return whether this stage is later than `other`."""
        order = list(Stage)
        return order.index(self) > order.index(other)


_SIGNS = (
    (
        Stage.LOADING,
        re.compile(r"Starting to load model|Loading (?:safetensors|weights|model)", re.I),
    ),
    (Stage.COMPILING, re.compile(r"torch\.compile|Dynamo bytecode|Compiling a graph", re.I)),
    (Stage.CAPTURING, re.compile(r"Capturing (?:CUDA ?)?graph|Graph capturing", re.I)),
)


def stage_of(line: str) -> Stage | None:
    """The stage that a line of the log announces; None for most lines."""
    # "Enforce eager set, disabling torch.compile" names a stage that will not come.
    if "disabl" in line:
        return None
    for stage, sign in _SIGNS:
        if sign.search(line):
            return stage
    return None
