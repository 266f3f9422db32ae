"""Turns a row of the table of jobs into a Job, and back."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from backend.generation import Generation
from backend.specs.model import Target
from backend.store.job import Draw, Job, Order, State
from backend.store.paths import path_of, stored_path
from backend.store.trouble import Damaged

_TARGET = TypeAdapter(Target)
_GENERATION = TypeAdapter(Generation)
_DRAWS = TypeAdapter(tuple[Draw, ...])


_ELSEWHERE = {"controls": "control, more_controls"}
COLUMNS = ", ".join(_ELSEWHERE.get(name, name) for name in Job.__dataclass_fields__)
"""The columns of the table of jobs from which `job_of` makes a job."""


def paths_column(paths: tuple[Path, ...]) -> str:
    """Return the text that stands for these paths. Bytes that are no UTF-8 become lone surrogates in it."""
    return json.dumps([str(path) for path in paths])


def read_paths(text: str) -> tuple[Path, ...]:
    """Return the paths that were stored as this text."""
    return () if text == "[]" else tuple(Path(path) for path in json.loads(text))


def target_column(target: Target) -> str:
    """Return the text that stands for a target. What it does not say is left out."""
    return _TARGET.dump_json(target, exclude_none=True).decode()


@lru_cache(maxsize=1024)  # thousands of jobs have the same
def read_target(text: str) -> Target:
    """Return the target that was stored as this text. Raises ValueError, as the others below."""
    return _TARGET.validate_json(text)


def generation_column(generation: Generation) -> str:
    """Return the text that stands for a generation."""
    return _GENERATION.dump_json(generation).decode()


@lru_cache(maxsize=1024)
def read_generation(text: str | None) -> Generation | None:
    """Return the generation that was stored as this text; None where there was none."""
    return None if text is None else _GENERATION.validate_json(text)


def draws_column(draws: tuple[Draw, ...]) -> str:
    """Return the text that stands for these draws."""
    return _DRAWS.dump_json(draws).decode()


def read_draws(text: str) -> tuple[Draw, ...]:
    """Return the draws that were stored as this text."""
    return () if text == "[]" else _DRAWS.validate_json(text)


def insert_job(db: sqlite3.Connection, job: Order, asked: int) -> int:
    """Put a job into the queue, and return its number. `asked` is `Job.asked`, and its place."""
    now = time.time()
    own = Order.__dataclass_fields__.keys() - {"controls"}
    values = {name: getattr(job, name) for name in own} | {
        "file": stored_path(job.file),
        "video": stored_path(job.video) if job.video else None,
        "control": stored_path(job.controls[0]) if job.controls else None,
        "more_controls": paths_column(job.controls[1:]),
        "destination": stored_path(job.destination),
        "choice": stored_path(job.choice) if job.choice else None,
        "target": target_column(job.target),
        "state": State.QUEUED,
        "place": asked,
        "asked": asked,
        "queued": now,
        "changed": now,
    }
    inserted = db.execute(
        f"INSERT INTO jobs ({', '.join(values)}) "  # noqa: S608 - our own names
        f"VALUES ({', '.join(f':{name}' for name in values)})",
        values,
    )
    assert inserted.lastrowid is not None  # noqa: S101 - for mypy
    return inserted.lastrowid


def job_of(row: sqlite3.Row) -> Job:
    """Return the job in this row. Raises Damaged."""
    values = dict(row)
    try:
        for name in ("file", "destination"):
            values[name] = path_of(values[name])
        for name in ("video", "choice"):
            if values[name] is not None:
                values[name] = path_of(values[name])
        for name in ("force", "held"):
            values[name] = bool(values[name])
        values["state"] = State(values["state"])
        first, more = values.pop("control"), read_paths(values.pop("more_controls"))
        values["controls"] = more if first is None else (path_of(first), *more)
        values["target"] = read_target(values["target"])
        values["generation"] = read_generation(values["generation"])
        values["draws"] = read_draws(values["draws"])
        for name in ("box", "settings"):
            values[name] = sys.intern(values[name])  # the same for thousands of jobs
        return Job(**values)
    except (TypeError, ValueError) as error:
        raise Damaged(f"job {row['number']} is not as it was written: {error}") from error
