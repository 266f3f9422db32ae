"""Collects what a report tells of the results in a folder, from its files alone.

So it tells of results that were made on another machine, too. Files do not tell what was decided about a
result, except where several candidates have a file each: then the file without a number is the one that was
chosen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backend.results.in_files import FileResult, Sidecars, read_result, scan_results
from backend.results.lints import Answered, Lint, LintKind, lint, near_duplicates
from backend.results.report.how_made import HowMade, read_provenance
from backend.results.report.reported import Reported, ReportedPrompt, ReportedResult
from backend.specs.json_prompts import said_in
from backend.specs.model import Spec
from backend.store.decision import Decision
from backend.video import FrameSampling

_NUMBERED = re.compile(r"(.+)-[1-9][0-9]*")
"""The stem of a candidate's own file; the chosen candidate is also in a file without the number."""

_Key = tuple[Path, int, str | None]


def report_of_folder(place: Path) -> Reported:
    """Return all results below a folder, or in one file. Blocks.

    An entry whose file tells nothing of how it was made is no result.
    """
    sidecars = Sidecars(place)
    found = scan_results(place, sidecars)
    results = [read_result(spec, sidecars) for spec in found.specs]
    results = [result for result in results if result.provenance]
    prompts = [_prompt(together) for together in _by_prompt(results)]
    troubles = [f"{file}: {problem}" for file, problem in sidecars.unreadable]
    return Reported(_with_duplicates(prompts), tuple(troubles))


def _by_prompt(results: Sequence[FileResult]) -> list[list[FileResult]]:
    """Put the candidates of one prompt together. The file without a number comes last."""
    plain = {_key(result, result.spec.file) for result in results}
    groups: defaultdict[_Key, list[FileResult]] = defaultdict(list)
    for result in results:
        numbered = _NUMBERED.fullmatch(result.spec.file.stem)
        base = result.spec.file.with_stem(numbered[1]) if numbered else result.spec.file
        key = _key(result, base)
        groups[key if key in plain else _key(result, result.spec.file)].append(result)
    return [_plain_last(group, file) for (file, _, _), group in groups.items()]


def _plain_last(group: Sequence[FileResult], plain: Path) -> list[FileResult]:
    return sorted(group, key=lambda result: result.spec.file == plain)


def _key(result: FileResult, file: Path) -> _Key:
    return file, result.spec.entry, result.original


def _prompt(together: Sequence[FileResult]) -> ReportedPrompt:
    """Return a prompt with its results. The last of them is in the file for the chosen one."""
    chosen = together[-1]
    made = {result.location: read_provenance(result.provenance) for result in together}
    *others, last = together
    identity = made[last.location].identity
    is_copy = bool(identity) and any(made[o.location].identity == identity for o in others)
    shown = others if is_copy else list(together)
    spec = chosen.spec
    return ReportedPrompt(
        name=spec.name,
        original=chosen.original,
        file=spec.file,
        entry=spec.entry,
        media=_media(spec, made[last.location].media),
        fps=spec.target.fps,
        sampling=FrameSampling.UNIFORM,
        token_limit=None,
        results=tuple(
            _result(each, made[each.location], _decision(made, each, last, is_copy=is_copy))
            for each in shown
        ),
    )


def _decision(
    made: Mapping[str, HowMade], result: FileResult, chosen: FileResult, *, is_copy: bool
) -> Decision | None:
    if not is_copy or made[result.location].identity != made[chosen.location].identity:
        return None
    return Decision.EDITED if made[chosen.location].is_edited else Decision.ACCEPTED


def _media(spec: Spec, kinds: str) -> tuple[Path, ...]:
    """Return the media of a spec that are of these kinds, as in "rgb+edge"; none when one is not named."""
    known = {"rgb": spec.video, **spec.controls}
    named = [known.get(kind) for kind in kinds.split("+")] if kinds else []
    there = [path for path in named if path is not None]
    return tuple(there) if len(there) == len(named) else ()


def _result(result: FileResult, made: HowMade, decision: Decision | None) -> ReportedResult:
    answered = Answered(result.original or "", result.prompt, made.finish_reason)
    return ReportedResult(None, decision, result.prompt, tuple(lint(answered)), made)


def _with_duplicates(prompts: Sequence[ReportedPrompt]) -> tuple[ReportedPrompt, ...]:
    """Add the lint about prompts whose last result nearly equals that of another prompt."""
    texts = {n: "\n".join(said_in(prompt.results[-1].text)) for n, prompt in enumerate(prompts)}
    close = near_duplicates(texts)
    return tuple(
        replace(prompt, results=_note_duplicate(prompt.results, prompts[close[n]].name))
        if n in close and prompts[close[n]].original != prompt.original
        else prompt
        for n, prompt in enumerate(prompts)
    )


def _note_duplicate(results: tuple[ReportedResult, ...], other: str) -> tuple[ReportedResult, ...]:
    found = Lint(LintKind.DUPLICATE, f"It says almost what the answer to {other} says")
    return (*results[:-1], replace(results[-1], lints=(*results[-1].lints, found)))
