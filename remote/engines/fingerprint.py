"""Fingerprints of what engines serve."""

from __future__ import annotations

import hashlib
import json

from remote.protocol import Json


def fingerprint(engine: str, facts: Json) -> str:
    """Return the engine's name and a hash of the facts: "vllm 3f9a0c4e5b7d8812"."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return f"{engine} {hashlib.sha256(canonical.encode()).hexdigest()[:16]}"
