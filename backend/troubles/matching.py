"""Which trouble a raw text is about.

The text may be hostile, huge or both: only its end is looked at, cut into lines of bounded length, with
everything that does not print removed, by patterns whose repetitions are bounded. What comes out is
safe to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from backend.sizes import UNBOUNDED, Bound, Size
from backend.specs.quoting import printable
from backend.tokens import PIXTRAL, Budget, VisionRule, fit
from backend.troubles.entries import EvidenceKind, KnownTrouble, all_entries
from backend.troubles.sentences import fill

LAST_CHARACTERS = 64 * 1024
LAST_LINES = 400
LONGEST_LINE = 2000
"""Of a longer line, the beginning and the end are looked at; a list of all known models is in between."""
LONGEST_VALUE = 160
"""Characters of a foreign text that a sentence shows."""
MOST_PROCESSES = 5
"""Holders of the GPU that a sentence names."""

_ESCAPES = re.compile(
    r"\x1b\[[0-9;:?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)"
)
_INVISIBLE = re.compile(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_COUNTS = frozenset({"limit", "prompt_tokens", "room", "asked"})
"""Groups that are written with thousands separators."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the caller knows beside the raw text. Everything may be left out."""

    source: Size | None = None
    """The size at which the frames were sent."""
    frames: int | None = None
    text_tokens: int | None = None
    """Tokens of the prompt's text."""
    limit: int | None = None
    """The context in tokens; what the server says counts more."""
    reserve: int | None = None
    """Tokens kept free for the answer."""
    rule: VisionRule = PIXTRAL
    bound: Bound = UNBOUNDED
    gpu_processes: tuple[str, ...] = ()
    """Who holds the GPU, ready to be read: "ada's python3 (pid 4711, 61.2 GiB)"."""
    exit_code: int | None = None
    """Of the engine's process, when it has ended: -9 or 137. A refused request then explains nothing."""
    box: str = ""
    model: str = ""
    base_url: str = ""


NOTHING_KNOWN = Facts()

PROMPT_TOO_LONG = "prompt-too-long"
"""The id of the refusal that the context is too short."""


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
    """How long the text says that the prompt is; None when it does not say."""


def translate(raw: str, facts: Facts = NOTHING_KNOWN) -> ExplainedTrouble | None:
    """What `raw`, an error message or the end of a log, is about; None when nothing in it is known.

    A cause wins over a refused request, and that over an echo such as EngineDeadError. Among several
    causes, the one that leads to the others does.
    """
    log = _end_of(raw)
    for entry, match in _candidates(log, facts):
        values = _values(match, facts)
        return ExplainedTrouble(
            entry.id,
            fill(entry.what, values),
            fill(entry.why, values),
            fill(entry.do, values),
            _prompt_tokens(match),
        )
    return None


def _candidates(log: str, facts: Facts) -> list[tuple[KnownTrouble, re.Match[str] | None]]:
    """The entry that explains `log` best, with its match unless the exit code decided; or nothing."""
    found: dict[EvidenceKind, tuple[KnownTrouble, re.Match[str] | None]] = {}
    by_exit: tuple[KnownTrouble, re.Match[str] | None] | None = None
    for entry in all_entries():
        if facts.exit_code in entry.exit_codes and by_exit is None:
            by_exit = entry, None
        if entry.kind not in found and (match := entry.found_in(log)):
            found[entry.kind] = entry, match
    ended = facts.exit_code is not None
    later = (
        (EvidenceKind.ECHO, EvidenceKind.REQUEST)
        if ended
        else (EvidenceKind.REQUEST, EvidenceKind.ECHO)
    )
    ranked = [found.get(EvidenceKind.CAUSE), by_exit, *map(found.get, later)]
    return [candidate for candidate in ranked if candidate is not None]


def _end_of(raw: str) -> str:
    """The last lines of `raw`, without escapes and control characters, each of bounded length."""
    end = raw[-LAST_CHARACTERS:].replace("\r", "\n")
    end = _INVISIBLE.sub(" ", _ESCAPES.sub("", end))
    return "\n".join(_shortened(line.rstrip()) for line in end.split("\n")[-LAST_LINES:])


def _shortened(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} … {line[-half:]}"


def _values(match: re.Match[str] | None, facts: Facts) -> Mapping[str, str]:
    """Everything that a sentence may name. What was read in the text counts more than the facts."""
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
        known |= _sizes(limit, facts)
    shown = {name: _shown(value) for name, value in known.items() if value not in (None, "")}
    if facts.gpu_processes:
        shown["gpu_processes"] = _holders(facts.gpu_processes)
    return shown


def _sizes(limit: int, facts: Facts) -> dict[str, str | int]:
    """The size that would fit; or the one of which none does; or nothing when too little is known.

    Nothing, too, when the frames fit by our own count: then a smaller size is not the answer.
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


def _holders(processes: tuple[str, ...]) -> str:
    named = [_shown(process) for process in processes[:MOST_PROCESSES]]
    more = len(processes) - len(named)
    return ", ".join([*named, f"and {more} more"] if more else named)


def _shown(value: str | int | None) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    text = printable(value or "")
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
