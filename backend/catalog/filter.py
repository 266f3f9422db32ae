"""Parses the filter that a user types, and finds the specs that match. The app and `--no-ui` share it.

    rain "warm light" -fog fits:no format:transfer1 mode:transfer res:>480 state:failed upsampled:yes

A spec matches when each part matches. A word, or a phrase in quotes, matches when the name or the prompt
contains it, whatever the case of its letters. When no spec contains all words, specs match whose names
contain the letters of a word in that order (`glhr` for golden_hour): see `choose`. A `-` or `!` negates a
part.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from backend.specs.model import Kind, Mode, Spec, SpecFormat
from backend.specs.quoting import printable
from backend.store import State
from backend.tokens import Verdict

if TYPE_CHECKING:
    from backend.planning.plan import Plan


class FilterSubject(Protocol):
    """A spec with its plan and its history, which a filter tests."""

    @property
    def kind(self) -> Kind:
        """The spec's format and mode."""

    @property
    def haystack(self) -> str:
        """The text that words are searched in; `haystack_of` makes it once."""

    @property
    def plan(self) -> Plan | None:
        """The spec's plan; None before it is made: then no `fits:` and no `res:` matches."""

    @property
    def state(self) -> State | None:
        """The state of the spec's latest job; None when it never had one."""

    @property
    def upsampled(self) -> bool: ...

    @property
    def is_result(self) -> bool:
        """Whether its file is a result of ours, unchanged since."""


S = TypeVar("S", bound=FilterSubject)
Test = Callable[[FilterSubject], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A term such as `fits:no`."""

    key: str
    value: str
    holds: Test
    negated: bool

    def passes(self, subject: FilterSubject) -> bool:
        """Whether the subject fulfils the condition."""
        return self.holds(subject) is not self.negated

    @property
    def same_as(self) -> tuple[str, str, bool]:
        """A key that is equal for conditions which the same subjects fulfil."""
        return self.key, self.value, self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. All specs match an empty filter."""

    words: tuple[str, ...] = ()
    """Casefolded words that the name or the prompt must contain."""
    unwanted: tuple[str, ...] = ()
    """Casefolded words that neither may contain."""
    conditions: tuple[Condition, ...] = ()
    marked: bool | None = None
    """True for only marked specs, False for only unmarked ones, None for both. The app knows the marks, so it
    tests this itself."""
    problems: tuple[str, ...] = ()
    """Messages about terms that cannot be parsed, with the right spelling. Such a term filters nothing."""

    def passes(self, subject: FilterSubject) -> bool:
        """Whether the subject matches exactly; `marked` is ignored."""
        return bool(_passing(self, [subject], self.words))

    @property
    def needs_plans(self) -> bool:
        """Whether the plans of specs must be known before the filter can be applied."""
        return any(condition.key in ("fits", "res") for condition in self.conditions)

    @property
    def needs_history(self) -> bool:
        """Whether the jobs and results of earlier runs must be known before the filter can be applied."""
        return any(
            condition.key in ("state", "upsampled", "result") for condition in self.conditions
        )

    @property
    def wants_results(self) -> bool:
        """Whether it speaks of results of ours, which the app's list otherwise shows with their specs."""
        return any(condition.key == "result" for condition in self.conditions)

    @property
    def changes(self) -> bool:
        """Whether the matching specs may change with time, as plans, jobs and marks do."""
        return bool(self.conditions) or self.marked is not None

    def narrows(self, other: Filter) -> bool:
        """Whether each spec that matches this filter also matches `other`. False when that is not certain."""
        conditions = {condition.same_as for condition in self.conditions}
        return (
            all(any(word in longer for longer in self.words) for word in other.words)
            and all(any(part in word for part in self.unwanted) for word in other.unwanted)
            and conditions >= {condition.same_as for condition in other.conditions}
            and other.marked in (None, self.marked)
        )


def haystack_of(spec: Spec) -> str:
    """Return the text that words are searched in."""
    return f"{spec.name}\n{spec.prompt}".casefold()


def choose(filter: Filter, subjects: Iterable[S]) -> tuple[list[S], bool]:  # noqa: A002
    """Return the subjects that match, in their order, and whether they only match by similar names.

    When no subject contains all words, those match whose names contain the letters of each missing word in
    that order. The caller must test `filter.marked`.
    """
    around = _passing(filter, subjects, ())
    exact = _passing(Filter(words=filter.words), around, filter.words)
    if exact or not filter.words:
        return exact, False
    for word in filter.words:
        has_letters = _match_letters(word)
        around = [s for s in around if word in s.haystack or has_letters(s.haystack)]
    return around, bool(around)


def parse_filter(text: str) -> Filter:
    """Parse a typed filter. Never raises: `problems` has a message for each term that cannot be parsed."""
    words: list[str] = []
    unwanted: list[str] = []
    conditions: list[Condition] = []
    problems: list[str] = []
    marked: bool | None = None
    for part in _PART.finditer(text):
        negated = bool(part["not"])
        if part["phrase"] is not None or part["key"] is None:
            word = (part["phrase"] if part["phrase"] is not None else part["word"]).casefold()
            if word.strip():
                (unwanted if negated else words).append(word)
            continue
        key, value = part["key"].casefold(), part["value"].casefold()
        if key == "marked" and value in _YES_NO:
            marked = _YES_NO[value] is not negated
        elif (test := _test(key, value)) is not None:
            conditions.append(Condition(key, value, test, negated))
        else:
            problems.append(_hint(key, value))
    return Filter(tuple(words), tuple(unwanted), tuple(conditions), marked, tuple(problems))


_PART = re.compile(
    r"""
    (?P<not> [-!] (?=\S) )?
    (?: " (?P<phrase> [^"]* ) "?
      | (?P<key> [A-Za-z]+ ) : (?P<value> [^\s"]* )
      | (?P<word> [^\s"]+ )
    )
    """,
    re.VERBOSE,
)
_YES_NO = {"yes": True, "no": False}
_FITS: dict[str, frozenset[Verdict]] = {
    "yes": frozenset({Verdict.FITS, Verdict.NEAR}),
    "near": frozenset({Verdict.NEAR}),
}
_STATES: dict[str, frozenset[State | None]] = {
    "new": frozenset({None}),
    **{state.value: frozenset({state}) for state in State},
    "running": frozenset({State.PREPARING, State.SENT, State.RUNNING}),
}
_MODES: dict[str, Mode] = {name: mode for mode in Mode for name in (mode.value, mode.short)}
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RESOLUTION = re.compile(
    r"(?P<sign>[<>]=?|)(?P<first>[1-9]\d{0,4})(?:[x×](?P<second>[1-9]\d{0,4}))?"
)
TERMS = {
    "fits": "fits:yes, fits:near or fits:no",
    "format": f"format: and one of {', '.join(SpecFormat)}",
    "mode": f"mode: and one of {', '.join(Mode)}, or t2v, i2v …",
    "res": "res:1280x704 (as it is), res:480 or res:>480 (the shorter side)",
    "state": f"state: and one of {', '.join(_STATES)}",
    "upsampled": "upsampled:yes or upsampled:no",
    "result": "result:yes or result:no (files that upsample wrote)",
    "marked": "marked:yes or marked:no",
}
"""The terms by name, each with its spelling for messages."""


def _passing(filter: Filter, subjects: Iterable[S], words: Iterable[str]) -> list[S]:  # noqa: A002
    # One list for each part: for 100,000 subjects that is several times as fast as one test of all parts.
    passing = list(subjects)
    for word in words:
        passing = [s for s in passing if word in s.haystack]
    for word in filter.unwanted:
        passing = [s for s in passing if word not in s.haystack]
    for condition in filter.conditions:
        passing = [s for s in passing if condition.passes(s)]
    return passing


def _match_letters(word: str) -> Callable[[str], object]:
    """Make a function that tests whether a haystack's first line, the name, has these letters in order."""
    # Possessive quantifiers, so that a name that does not match costs no more than one that does.
    return re.compile("".join(f"[^{re.escape(c)}\n]*+{re.escape(c)}" for c in word)).match


def _test(key: str, value: str) -> Test | None:
    """Return the test for a term; None when there is no such key or value."""
    match key:
        case "fits" if value in _FITS:
            return lambda subject: _verdict(subject) in _FITS[value]
        case "fits" if value == "no":
            return lambda subject: (
                subject.plan is not None and not subject.plan.to_fetch and _verdict(subject) is None
            )
        case "format" if value in set(SpecFormat):
            return lambda subject: subject.kind[0] == value
        case "mode" if value in _MODES:
            return lambda subject: subject.kind[1] is _MODES[value]
        case "res":
            return _resolution_test(value)
        case "state" if value in _STATES:
            return lambda subject: subject.state in _STATES[value]
        case "upsampled" if value in _YES_NO:
            return lambda subject: subject.upsampled is _YES_NO[value]
        case "result" if value in _YES_NO:
            return lambda subject: subject.is_result is _YES_NO[value]
    return None


def _verdict(subject: FilterSubject) -> Verdict | None:
    """Return how the subject fits the context; None when it cannot be sent or has no plan yet."""
    plan = subject.plan
    if plan is None or plan.refusal is not None or plan.budget is None:
        return None
    verdict = plan.budget.verdict
    return None if verdict is Verdict.EXCEEDS else verdict


def _resolution_test(value: str) -> Test | None:
    found = _RESOLUTION.fullmatch(value)
    if found is None:
        return None
    compare, first = _COMPARISONS[found["sign"]], int(found["first"])
    if found["second"] is None:
        return lambda subject: _has_size(subject, lambda size: compare(min(size), first))
    second = int(found["second"])
    return lambda subject: _has_size(
        subject, lambda size: compare(size[0], first) and compare(size[1], second)
    )


def _has_size(subject: FilterSubject, test: Callable[[tuple[int, int]], bool]) -> bool:
    """Whether the video is known and its size passes the test."""
    plan = subject.plan
    if plan is None or plan.video is None:
        return False
    return test((plan.video.size.width, plan.video.size.height))


def _hint(key: str, value: str) -> str:
    if key in TERMS:
        found = f"{key}:{printable(value)} is no term" if value else f"{key}: wants a value"
        return f"{found}: write {TERMS[key]}"
    text = printable(f"{key}:{value}")
    return (
        f'there is no term {key}: (only {", ".join(TERMS)}); "{text}" in quotes looks for the text'
    )
