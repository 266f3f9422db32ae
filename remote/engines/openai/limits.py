"""How long a chat server may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds that the server may take before it counts as hanging."""

    connect: float = 10.0
    """For the address, the connection and TLS together."""
    first: float = 300.0
    """For each part of the answer until the first text, and for all of one that is not streamed."""
    between: float = 60.0
    """For each part after that."""
    question: float = 10.0
    """For an answer that needs no model (health, models)."""
