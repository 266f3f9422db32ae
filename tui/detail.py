"""What the detail pane says about a spec: its verdict and budget first, in their fixed place."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from backend.plan import Plan
from backend.tokens import Budget
from backend.video import MediaKind, Video
from tui.bars import ANSWER, BEYOND, FREE, TEXT, VISION, budget_bar
from tui.harmless import one_line, paragraphs, short_path
from tui.listing import Row
from tui.verdicts import standing

_LABEL = 10
_LONGEST_BAR = 64
_BAR_COLOURS = {
    VISION: "$primary",
    TEXT: "$accent",
    ANSWER: "$foreground-muted",
    FREE: "$foreground-disabled",
    BEYOND: "$text-error",
}


def describe(row: Row, cwd: Path, width: int) -> Content:
    """Everything about one spec, for a pane of `width` cells."""
    lines = [Content.styled(one_line(row.spec.name), "bold"), *_verdict(row.plan, width)]
    lines += [Content(), _prompt(row), Content()]
    for label, value in _facts(row, cwd):
        lines += _fact(label, value, width)
    return Content("\n").join(lines)


def _verdict(plan: Plan | None, width: int) -> list[Content]:
    stands = standing(plan)
    if plan is None:
        return [Content.styled(stands.text, stands.colour)]
    lines = [Content.assemble((stands.text, f"bold {stands.colour}"), _sum(plan.budget))]
    if plan.budget is not None:
        lines += [_bar(plan.budget, min(width, _LONGEST_BAR)), *_legend(plan.budget, width)]
    if plan.refusal is not None:
        lines += Content.styled(one_line(plan.refusal.problem), "$text-error").wrap(width)
        if plan.refusal.remedy:
            lines += Content(f"→ {one_line(plan.refusal.remedy)}").wrap(width)
    return lines


def _sum(budget: Budget | None) -> str:
    if budget is None:
        return ""
    rest = f"{budget.free:,} free" if budget.fits else f"{-budget.free:,} too many"
    about = "≈" if budget.estimated else ""
    return f"  {about}{budget.needed:,} of {budget.limit:,} tokens, {rest}"


def _bar(budget: Budget, width: int) -> Content:
    parts = budget_bar(budget, width)
    return Content.assemble(*((glyph * count, _BAR_COLOURS[glyph]) for glyph, count in parts))


def _legend(budget: Budget, width: int) -> list[Content]:
    named = [
        (VISION, f"vision {budget.vision:,}"),
        (TEXT, f"text {'≈' if budget.estimated else ''}{budget.text + budget.overhead:,}"),
        (ANSWER, f"answer {budget.reserve:,}"),
    ]
    parts = [Content.assemble((glyph, _BAR_COLOURS[glyph]), f" {what}") for glyph, what in named]
    return Content("  ").join(parts).wrap(width)


def _facts(row: Row, cwd: Path) -> list[tuple[str, str]]:
    spec, plan = row.spec, row.plan
    facts: list[tuple[str, str]] = []
    # What is shown may be a control: the setting `media` decides.
    shown = plan.video.path if plan is not None and plan.video is not None else spec.video
    if shown is not None:
        facts.append(("video", short_path(shown, cwd)))
    if plan is not None and plan.video is not None:
        facts.append(("", _media(plan.video)))
        if plan.size is not None:
            facts.append(("sent as", _sent(plan)))
        facts.append(("linear", f"{plan.linear:,} tokens by the rule of thumb"))
    if row.better_folder is not None:
        facts.append(("hint", f"it is there when started in {short_path(row.better_folder, cwd)}"))
    facts += [(name, short_path(path, cwd)) for name, path in _controls(row)]
    facts.append(("file", f"{short_path(spec.file, cwd)}:{spec.line}  ({spec.format})"))
    if spec.prompt_file is not None:
        facts.append(("prompt in", short_path(spec.prompt_file, cwd)))
    if spec.is_upsampled:
        facts.append(("note", "its file says that it was upsampled already"))
    return facts


def _controls(row: Row) -> list[tuple[str, Path]]:
    return [(one_line(name), path) for name, path in row.spec.controls.items()]


def _media(video: Video) -> str:
    size = f"{video.size.width}×{video.size.height}"
    if video.kind is MediaKind.IMAGE:
        return f"{size} image · {one_line(video.codec)}"
    length = f"{video.fps:.4g} fps · {video.duration:.1f} s · {video.frames:,} frames"
    return f"{size} · {length} · {one_line(video.codec)}"


def _sent(plan: Plan) -> str:
    frames = "1 frame" if plan.frames == 1 else f"{plan.frames} frames"
    if plan.size is None or plan.video is None or plan.size == plan.video.size:
        return f"{frames}, as large as they are"
    return f"{frames} of {plan.size.width}×{plan.size.height}"


def _fact(label: str, value: str, width: int) -> list[Content]:
    lines = Content(value).wrap(max(10, width - _LABEL))
    labels = [label] + [""] * (len(lines) - 1)
    return [
        Content.assemble((f"{name[: _LABEL - 1]:<{_LABEL}}", "$foreground-muted"), line)
        for name, line in zip(labels, lines, strict=True)
    ]


def _prompt(row: Row) -> Content:
    if row.spec.prompt:
        return Content(paragraphs(row.spec.prompt))
    return Content.styled("(empty)", "$foreground-muted")
