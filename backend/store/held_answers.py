"""Names the answers that a result file holds, so that they can be compared with those that belong there."""

from __future__ import annotations

import hashlib
import json

from backend.store.trouble import Damaged


def answer_fingerprint(identity: str | None, edited: str | None) -> str:
    """Return a name for the text that a job's result has: its answer, or the user's `edited` text instead.

    `identity` is that of the job's request. Equal fingerprints mean equal texts, because the queue keeps the
    first answer to a request.
    """
    if edited is None:
        return identity or ""
    return f"{identity} {hashlib.sha256(edited.encode(errors='surrogatepass')).hexdigest()}"


def parse_held(stored: str) -> dict[int, str]:
    """Return the fingerprints of the answers that a file holds, by entry, from their JSON in the queue."""
    try:
        return {int(entry): str(answer) for entry, answer in json.loads(stored).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise Damaged(f"what a file holds is not as it was written: {error}") from error
