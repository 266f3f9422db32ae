"""Reads what a record of the journal says of jobs. What this version cannot read, a newer one has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast

from remote.jobs.records import Record
from remote.protocol import (
    Accepted,
    Cancelled,
    Durable,
    Failed,
    Finished,
    Json,
    ProtocolError,
    from_json,
    money,
)

NOTHING = Decimal(0)
_ENDS = frozenset({"finished", "failed", "cancelled"})
"""The kinds of records that end a job."""


def time_of(record: Record, clock: Callable[[], float]) -> float:
    """The Unix time when the record was written; the present time for a record without one."""
    time = record.body.get("time")
    return float(time) if isinstance(time, (int, float)) else clock()


def cost_in(body: Mapping[str, Json] | Json) -> Decimal:
    """Return the cost that a record tells; nothing when it tells none."""
    cost = body.get("cost") if isinstance(body, Mapping) else None
    return money(cost) if isinstance(cost, (int, float)) else NOTHING


def is_readable(record: Record) -> bool:
    """Return whether this version can read the record. Requests are checked only for unfinished jobs."""
    kind = record.body.get("type")
    if kind in _ENDS:
        return message_of(record) is not None
    return kind in ("journal", "accepted", "started", "waiting") or is_order(record)


def is_order(record: Record) -> bool:
    """Return whether the record puts jobs into an order, in a form that this version can read."""
    jobs = record.body.get("jobs")
    is_list = isinstance(jobs, list) and all(isinstance(job, str) for job in jobs)
    return is_list and record.body.get("type") == "arranged"


def jobs_of(record: Record) -> list[str]:
    """The jobs that an order names."""
    return cast("list[str]", record.body["jobs"])


def message_of(record: Record) -> Durable | None:
    """The message to apps that the record holds; None for a record that apps are not sent."""
    if record.body.get("type") not in {"accepted", *_ENDS}:
        return None
    try:
        message = from_json(dict(record.body))
    except ProtocolError:
        return None  # a newer version wrote it
    assert isinstance(message, (Accepted, Finished, Failed, Cancelled))  # noqa: S101 - for mypy
    return message
