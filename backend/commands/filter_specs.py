"""`--filter`: choose from the specs that were found those that match the filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from backend.catalog.filter import Filter, choose, haystack_of, parse_filter
from backend.commands.queue import open_user_queue
from backend.config import Settings
from backend.console import say
from backend.errors import InputError
from backend.planning.box_planner import make_planner
from backend.planning.history import LatestJob, SpecKey, latest_jobs, own_results, spec_key
from backend.planning.plan import Plan
from backend.specs.model import Kind, Scan, Spec
from backend.store import State, default_path
from backend.tokens import TextCounter


@dataclass(frozen=True, slots=True)
class _Found:
    """A spec with the facts that a filter can test."""

    spec: Spec
    kind: Kind
    haystack: str
    plan: Plan | None
    state: State | None
    upsampled: bool
    is_result: bool


def keep_matching(found: Scan, text: str, settings: Settings, box: str) -> Scan:
    """Return the scan with only the specs that match, and tell the user how many do not.

    Tokens are counted as for this box. Raises InputError for a filter that cannot be understood.
    """
    wanted = parse_command_filter(text)
    matching, similar = choose(wanted, _gather_facts(found, wanted, settings, box))
    if similar:
        say(f"No spec has all the words of {text!r}; these have names like them:")
        for subject in matching:
            say(f"  {subject.spec.file}: {subject.spec.name}")
    passed_over = len(found.specs) - len(matching)
    if passed_over:
        say(f"{passed_over:,} of {len(found.specs):,} specs do not match {text!r}: passed over.")
    return replace(found, specs=tuple(subject.spec for subject in matching))


def parse_command_filter(text: str) -> Filter:
    """Parse a filter. Raises InputError if it is wrong, or asks for marks, which only the app has."""
    wanted = parse_filter(text)
    if wanted.problems:
        raise InputError(f"--filter {text!r}", "; ".join(wanted.problems) + ".")
    if wanted.marked is not None:
        raise InputError(f"--filter {text!r} asks for marks", "Only the app has marks.")
    return wanted


def _gather_facts(found: Scan, wanted: Filter, settings: Settings, box: str) -> Iterator[_Found]:
    planner = make_planner(settings, TextCounter(), box=box) if wanted.needs_plans else None
    jobs: dict[SpecKey, LatestJob] = {}
    results: dict[Path, Path] = {}
    if wanted.needs_history and default_path().exists():
        with open_user_queue() as store:
            jobs = latest_jobs(store)
            results = own_results(store, {spec.file for spec in found.specs})
    for spec in found.specs:
        job = jobs.get(spec_key(spec))
        yield _Found(
            spec,
            spec.kind,
            haystack_of(spec),
            planner.plan_spec(spec) if planner else None,
            job.state if job and job.prompt == spec.prompt else None,
            spec.is_upsampled or spec.file.absolute() in results,
            spec.file.absolute() in results,
        )
