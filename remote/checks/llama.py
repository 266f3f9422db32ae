"""Checks whether the box has llama.cpp and the files of its model."""

from __future__ import annotations

from remote.checks.examination import Good, Wrong
from remote.engines.llama import MissingError, find_llama
from remote.protocol import LlamaSetup


def find_served_files(setup: LlamaSetup, model: str) -> Good[bool]:
    """Find llama.cpp, the model and what it sees with. Blocks; raises Wrong."""
    try:
        found = find_llama(setup, model)
    except MissingError as error:
        raise Wrong(error.problem, error.remedy) from None
    sight = "is told of frames in words" if found.mmproj is None else f"sees with {found.mmproj}"
    return Good(True, f"xllamacpp {found.version}; {found.model.name} {sight}")
