"""The request for a checkup of the box, its findings, and what else a command of the runner reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from remote.protocol.jobs import Setup

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"
"""The verdicts: it works; it works, with a warning; it does not work; it was not checked (see `detail`)."""


@dataclass(frozen=True)
class Checkup:
    """What the box is to be checked for."""

    setup: Setup
    context: int
    """Tokens that prompt, frames and answer may need together."""
    follows_server: bool = False
    """Whether what the model server tells counts instead, because the user says no context length."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    type: ClassVar[str] = "finding"
    time: float
    """Unix time by the clock of the box."""
    area: str
    """What the check is about: "box", "GPU", "vLLM", "model", …"""
    name: str
    verdict: str
    """One of OK, WARNING, FAILED and SKIPPED."""
    detail: str
    """What the check found, or why it was skipped."""
    remedy: str = ""
    """What the user can do; never empty when the check failed."""


class OfferKind:
    """The kinds of an offer."""

    GPU = "gpu"
    SERVER = "server"
    VLLM = "vllm"
    IMAGE = "image"
    RAY = "ray"
    MODEL = "model"


@dataclass(frozen=True)
class Offer:
    """Something on a machine that is to become a box: what could answer there, or a model that lies there."""

    type: ClassVar[str] = "offer"
    kind: str
    """One of `OfferKind`."""
    value: str
    """What the settings of a box need: a server's base_url, the path of a vllm, an image, the address of a
    Ray cluster, a model's folder or name. The name of a GPU."""
    detail: str = ""
    """More for the user: a version, a size, how many nodes there are."""
    program: str = ""
    """What runs it: docker or podman for an image, the Python of a Ray."""
    models: tuple[str, ...] = ()
    """The models of a server."""


@dataclass(frozen=True)
class Trace:
    """Something that this program keeps on a box, or what became of it when it was to be removed."""

    type: ClassVar[str] = "trace"
    path: str
    size: int
    """Bytes, with all that is in it."""
    verdict: str
    """OK: it was removed, or would be. SKIPPED: it stays. FAILED: it cannot be removed."""
    detail: str = ""
    """Why it stays or cannot be removed; empty for OK."""
    jobs: int = 0
    """How many jobs in it have not ended."""
    is_served: bool = False
    """Whether a daemon of this machine serves it."""
