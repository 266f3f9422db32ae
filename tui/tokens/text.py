"""The texts of the token panel: what would be sent, the settings to try, the sizes of Cosmos."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.dom import DOMNode

from backend.planning.plan import Plan
from backend.tokens import LINEAR
from tui.dialogs.keys import HelpRow, spell_keys
from tui.text import MUTED, one_line
from tui.tokens.budget_text import (
    about,
    budget_lines,
    fact_lines,
    frames_text,
    sum_text,
)
from tui.tokens.matrix_text import matrix_legend, matrix_lines
from tui.tokens.verdicts import Standing, standing
from tui.tokens.what_if import WhatIf

_COLUMN = 36
_ENTRIES = (
    ("frames(1) frames(-1)", "frames", "frames_to_extract"),
    ("limit(1) limit(-1)", "limit", "max_tokens"),
    ("reserve(1) reserve(-1)", "reserve", "reserve"),
    ("profile(1) profile(-1)", "profile", "profile"),
    ("media", "media", "media"),
    ("bound(1) bound(-1)", "at most", "max_upsample_resolution"),
    ("resize", "resize", "resize"),
)
"""The actions of the keys, a word for what they change, and the name in `Upsampling`."""


def describe_what_if(what: WhatIf, width: int, panel: type[DOMNode]) -> Content:
    """Return the whole text of the panel, `width` cells wide. The bindings of `panel` tell its keys."""
    plan = what.plan
    sections = [
        _verdict(plan, width),
        _facts(what, plan, width),
        _settings(what, width, panel),
        _matrix(what, plan, width),
        _changes(what, width, panel),
    ]
    lines: list[Content] = []
    for section in sections:
        if section:
            lines += [*([Content()] if lines else []), *section]
    return Content("\n").join(lines)


def _verdict(plan: Plan, width: int) -> list[Content]:
    stands = standing(plan)
    if plan.budget is not None:
        return budget_lines(plan.budget, stands, width)
    lines = [Content.styled(stands.text, f"bold {stands.colour}")]
    if plan.refusal is not None:
        lines += Content.styled(one_line(plan.refusal.problem), "$text-error").wrap(width)
        lines += Content(f"→ {one_line(plan.refusal.remedy)}").wrap(width)
    return lines


def _facts(what: WhatIf, plan: Plan, width: int) -> list[Content]:
    if plan.video is None:
        return []
    original = what.original
    lines = fact_lines("sent as", _sent(what, plan), width)
    if original is not None:
        stands = Standing[original.verdict.name]
        cost = Content.assemble(
            f"{plan.video.size.width}×{plan.video.size.height}  ",
            (stands.text, stands.colour),
            f"  {sum_text(original)}",
        )
        lines += fact_lines("original", cost, width)
        linear = LINEAR.vision_tokens(plan.video.size, plan.frames)
        lines += fact_lines(
            "linear", f"{linear:,} for the original by the rule of thumb, without text", width
        )
    return lines + _measured(what, plan, width)


def _measured(what: WhatIf, plan: Plan, width: int) -> list[Content]:
    """Return what a box has measured for the sent size and the original one, if it was asked."""
    calibration = what.calibration
    if calibration is None or plan.video is None:
        return []
    told = []
    for name, size, budget in (
        ("as sent", plan.size, plan.budget),
        ("the original", plan.video.size, what.original),
    ):
        tokens = calibration.prompt_tokens(size, plan.frames, budget) if budget else None
        if tokens is not None and budget is not None:
            as_counted = "" if tokens == budget.prompt_tokens else f", not {budget.prompt_tokens:,}"
            told.append(f"{tokens:,} {name}{as_counted}")
    if plan.size == plan.video.size:
        told = told[:1]
    lines: list[Content] = []
    if told:
        source = one_line(calibration.source)
        lines += fact_lines("measured", f"{'; '.join(told)} ({source})", width)
    if warning := calibration.warning():
        lines += Content.styled(f"! {one_line(warning)}", "$text-error").wrap(width)
    return lines


def _sent(what: WhatIf, plan: Plan) -> str:
    largest = what.largest
    best = f"{largest.width}×{largest.height}" if largest else ""
    if plan.size is None or plan.video is None:
        return f"nothing; {best} is the largest that fits" if best else "nothing: no size fits"
    frames, size = frames_text(plan.frames), f"{plan.size.width}×{plan.size.height}"
    if plan.size == plan.video.size:
        return f"{frames} of {size}, as large as they are"
    if plan.size == what.seen:
        return f"{frames} of {size}, as large as the model looks at"
    if plan.size == largest:
        return f"{frames} of {size}, the largest that fits"
    return f"{frames} of {size}; {best} is the largest that fits" if best else f"{frames} of {size}"


def _settings(what: WhatIf, width: int, panel: type[DOMNode]) -> list[Content]:
    entries = []
    for actions, name, setting in _ENTRIES:
        value, own = (
            _value(setting, getattr(settings, setting)) for settings in (what.settings, what.config)
        )
        style = "bold $text-accent" if value != own else ""
        entry = Content.assemble(
            (f"{_keys(actions, panel):<4}", "bold $primary"), (f"{name:<9}", MUTED), (value, style)
        )
        if value != own:
            entry += Content.styled(f"  was {own}", MUTED)
        entries.append(entry)
    return _in_columns(entries, width)


def _in_columns(entries: Sequence[Content], width: int) -> list[Content]:
    columns = max(1, min(4, width // _COLUMN))
    rows = -(-len(entries) // columns)
    column = width // columns
    lines = []
    for row in range(rows):
        line = Content()
        for at, entry in enumerate(entries[row::rows]):
            line += Content(" " * (at * column - line.cell_length)) + entry.truncate(
                column - 1, ellipsis=True
            )
        lines.append(line)
    return lines


def _value(setting: str, value: object) -> str:
    match setting, value:
        case "max_upsample_resolution", str():
            return value or "any size"
        case _, int():
            return f"{value:,}"
        case _:
            return one_line(str(value))


def _matrix(what: WhatIf, plan: Plan, width: int) -> list[Content]:
    lines = matrix_lines(what.matrix, width, plan.video.size if plan.video else None)
    mark = f"{about(what.estimated)} at most, " if what.estimated else ""
    mark = "measured, " if what.is_measured else mark
    title = f"Cosmos' sizes with {frames_text(what.frames)}: prompt tokens, {mark}then the rule of thumb"
    if not lines:
        return []
    return [*Content.styled(title, MUTED).wrap(width), *lines, *matrix_legend(width)]


def _changes(what: WhatIf, width: int, panel: type[DOMNode]) -> list[Content]:
    changes = what.changes
    if not changes:
        return [Content.styled("As your config has it.", MUTED)]
    differing = ", ".join(f"{change.key} {_plain(change.now)}" for change in changes)
    lines = Content(f"Not as in your config: {one_line(differing)}").wrap(width)
    use, copy = _keys("use", panel), _keys("copy", panel)
    hint = f"{use} uses it for this session. To keep it ({copy} copies):"
    lines += Content.styled(hint, MUTED).wrap(width)
    for command in what.commands:
        lines += Content(f"  {one_line(command)}").wrap(width)
    return lines


def _keys(actions: str, panel: type[DOMNode]) -> str:
    return spell_keys(HelpRow("", actions), [panel])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'
