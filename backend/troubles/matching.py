"""Finds the known error that a raw text is about.

The text may be hostile or huge. So only its end is searched, in lines of limited length, without unprintable
characters, with patterns whose repetitions are limited. The result is safe to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from backend.sizes import UNBOUNDED, Bound, Size
from backend.specs.quoting import printable
from backend.tokens import PIXTRAL, Budget, VisionRule, fit
from backend.troubles.entries import EvidenceKind, KnownTrouble, all_entries
from backend.troubles.evidence import weigh
from backend.troubles.sentences import fill

LAST_CHARACTERS = 64 * 1024
LAST_LINES = 400
LONGEST_LINE = 2000
"""Of a longer line, only the beginning and the end are searched; a list of models may be in between."""
LONGEST_VALUE = 160
"""Characters of a foreign text that a sentence shows."""
MOST_PROCESSES = 5
"""The most processes on the GPU that a sentence names."""

_ESCAPES = re.compile(
    r"\x1b\[[0-9;:?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)"
)
_INVISIBLE = re.compile(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_ENDED = re.compile(r"\AvLLM ended while starting, with exit status (-?\d{1,3})\b")
"""How the runner begins to tell of a start that failed."""
_COUNTS = frozenset({"limit", "prompt_tokens", "room", "asked"})
"""Groups of patterns that are numbers, shown with thousands separators."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the caller knows about the case. Every field is optional."""

    source: Size | None = None
    """The size at which the frames were sent."""
    frames: int | None = None
    text_tokens: int | None = None
    """Tokens of the prompt's text."""
    limit: int | None = None
    """The context length in tokens. A number in the raw text wins."""
    reserve: int | None = None
    """Tokens kept free for the answer."""
    rule: VisionRule = PIXTRAL
    bound: Bound = UNBOUNDED
    gpu_processes: tuple[str, ...] = ()
    """The processes on the GPU, as text: "ada's python3 (pid 4711, 61.2 GiB)"."""
    exit_code: int | None = None
    """The exit code of the engine's process, when it has ended: -9 or 137. A refused request is then not the
    cause."""
    box: str = ""
    model: str = ""
    base_url: str = ""


NOTHING_KNOWN = Facts()

PROMPT_TOO_LONG = "prompt-too-long"
"""The id of the entry for a prompt that is longer than the context."""


@dataclass(frozen=True)
class ExplainedTrouble:
    """A raw error, explained."""

    id: str
    what: str
    """What happened."""
    why: str
    do: str
    """What the user can do."""
    prompt_tokens: int | None = None
    """The length of the prompt as the raw text gives it; None when it does not."""


def translate(raw: str, facts: Facts = NOTHING_KNOWN) -> ExplainedTrouble | None:
    """Explain `raw`, an error message or the end of a log. Returns None when no entry matches.

    A cause wins over a refused request, which wins over an echo such as EngineDeadError. Among several
    causes, the one that leads to the others wins. A warning counts only where no exception is in the log, and
    a refused request is never why a process has ended.
    """
    log = _end_of(raw)
    for entry, match in _candidates(log, facts):
        values = _collect_values(match, facts)
        return ExplainedTrouble(
            entry.id,
            fill(entry.what, values),
            fill(entry.why, values),
            fill(entry.do, values),
            _prompt_tokens(match),
        )
    return None


def _candidates(log: str, facts: Facts) -> list[tuple[KnownTrouble, re.Match[str] | None]]:
    """Return the matching entries, best first. The match is None where only the exit code matches."""
    exit_code = _exit_code(log, facts)
    lines = weigh(log)
    found: dict[EvidenceKind, tuple[KnownTrouble, re.Match[str] | None]] = {}
    by_exit: tuple[KnownTrouble, re.Match[str] | None] | None = None
    warned: tuple[KnownTrouble, re.Match[str] | None] | None = None
    for entry in all_entries():
        if exit_code in entry.exit_codes and by_exit is None:
            by_exit = entry, None
        if entry.kind not in found and (match := entry.found_in(lines.firm, log)):
            found[entry.kind] = entry, match
        if entry.kind is EvidenceKind.CAUSE and warned is None:
            match = entry.found_in(lines.warnings, log)
            warned = (entry, match) if match else None
    echo = found.get(EvidenceKind.ECHO)
    if any(echo is None or not echo[0].found_in(line, line) for line in lines.exceptions):
        warned = None  # an exception that is not known is the cause, whatever was warned of before
    request = None if exit_code is not None else found.get(EvidenceKind.REQUEST)
    ranked = [found.get(EvidenceKind.CAUSE), by_exit, request, warned, echo]
    return [candidate for candidate in ranked if candidate is not None]


def _exit_code(log: str, facts: Facts) -> int | None:
    told = _ENDED.match(log)
    return int(told[1]) if told and facts.exit_code is None else facts.exit_code


def _end_of(raw: str) -> str:
    """Return the last lines of `raw`, each of limited length, without escapes and control characters."""
    end = raw[-LAST_CHARACTERS:].replace("\r", "\n")
    end = _INVISIBLE.sub(" ", _ESCAPES.sub("", end))
    return "\n".join(_shortened(line.rstrip()) for line in end.split("\n")[-LAST_LINES:])


def _shortened(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} … {line[-half:]}"


def _collect_values(match: re.Match[str] | None, facts: Facts) -> Mapping[str, str]:
    """Return the values that a sentence may use. Values from the text win over the facts."""
    groups = {name: text for name, text in match.groupdict().items() if text} if match else {}
    known: dict[str, str | int | None] = {
        "frames": facts.frames,
        "limit": facts.limit,
        "reserve": facts.reserve,
        "box": facts.box,
        "model": facts.model,
        "base_url": facts.base_url,
        **{name: int(text) if name in _COUNTS else text for name, text in groups.items()},
    }
    limit = known["limit"]
    if isinstance(limit, int):
        known |= _fitting_values(limit, facts)
    shown = {name: _shown(value) for name, value in known.items() if value not in (None, "")}
    if facts.gpu_processes:
        shown["gpu_processes"] = _name_processes(facts.gpu_processes)
    return shown


def _fitting_values(limit: int, facts: Facts) -> dict[str, str | int]:
    """Return the size that would fit, or the source size where no size fits.

    Returns nothing when too little is known, and when the frames fit by our own count, because a smaller
    size would then not help.
    """
    if (
        facts.source is None
        or not facts.frames
        or facts.text_tokens is None
        or facts.reserve is None
    ):
        return {}
    text, frames, reserve, rule = facts.text_tokens, facts.frames, facts.reserve, facts.rule
    size = fit(
        facts.source,
        text=text,
        limit=limit,
        reserve=reserve,
        frames=frames,
        rule=rule,
        bound=facts.bound,
    )
    if size is None:
        return {"too_large_source": str(facts.source)}
    if size == facts.source:
        return {}
    budget = Budget(limit, reserve, text, rule.vision_tokens(size, frames))
    return {"fitting_size": str(size), "fitting_tokens": budget.prompt_tokens}


def _prompt_tokens(match: re.Match[str] | None) -> int | None:
    told = match.groupdict().get("prompt_tokens") if match else None
    return int(told) if told else None


def _name_processes(processes: tuple[str, ...]) -> str:
    named = [_shown(process) for process in processes[:MOST_PROCESSES]]
    more = len(processes) - len(named)
    return ", ".join([*named, f"and {more} more"] if more else named)


def _shown(value: str | int | None) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    text = printable(value or "")
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
