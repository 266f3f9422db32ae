"""The texts of the detail pane about a spec. The verdict and the budget come first, in a fixed place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from backend.addresses import path_of_address
from backend.config import Upsampling
from backend.planning.plan import Plan
from backend.planning.size_costs import category_matrix, sizes_for
from backend.sizes import CATEGORIES
from backend.specs.json_prompts import prompt_lines
from backend.specs.model import Spec, SpecFormat
from backend.specs.outline import outline_in
from backend.video import MediaKind, Video
from tui.specs.rows import Row
from tui.text import one_line, paragraphs, short_path
from tui.tokens.budget_text import budget_lines, fact_lines, frames_text
from tui.tokens.matrix_text import matrix_legend, matrix_lines
from tui.tokens.verdicts import standing
from tui.widgets.own_keys import key_of

if TYPE_CHECKING:
    from tui.outline.shown_parts import ShownPart


def describe_verdict(row: Row, width: int) -> Content:
    """Describe the name of the spec, and whether it fits and why, or why it is refused and what helps."""
    name = Content.styled(one_line(row.spec.name), "bold").wrap(width)
    return Content("\n").join([*name, *_verdict(row.plan, width)])


def describe_prompt(spec: Spec, *, has_outline: bool) -> Content:
    """Return the whole prompt; where an outline shows a JSON object, what that is."""
    if spec.prompt and not has_outline:
        return Content(paragraphs(prompt_lines(spec.prompt)))
    if not spec.prompt:
        return Content.styled("(empty)", "$foreground-muted")
    if spec.written_prompt is None:
        return Content.styled("JSON prompt; Enter and space fold its parts", "$foreground-muted")
    title = "What its file has been upsampled to:"
    return Content.assemble(paragraphs(spec.prompt), "\n\n", (title, "$foreground-muted"))


def outline_of(spec: Spec) -> list[ShownPart]:
    """Return the outline of the JSON prompt that the spec's file holds; nothing where it holds none."""
    parts = outline_in(spec.prompt if spec.written_prompt is None else spec.written_prompt)
    if not parts:
        return []
    # Late: the app's start would wait for the lints, and most prompts have no outline.
    from backend.results.marked_outline import mark_outline
    from tui.outline.shown_parts import shown_outline

    return shown_outline(mark_outline(parts, "" if spec.written_prompt is None else spec.prompt))


def describe_facts(row: Row, cwd: Path, width: int) -> Content:
    """List the video, the frames that are sent of it, and the files of the spec."""
    lines: list[Content] = []
    for label, value in _facts(row, cwd):
        lines += fact_lines(label, value, width)
    return Content("\n").join(lines)


def describe_sizes(plan: Plan | None, settings: Upsampling, width: int) -> Content:
    """Tabulate the cost of the sizes of Cosmos with this prompt; return nothing where there is no room."""
    if plan is None or plan.budget is None:
        return Content()
    rows = category_matrix(
        text=plan.budget.text,
        limit=plan.budget.limit,
        reserve=plan.budget.reserve,
        frames=plan.frames or settings.frames_to_extract,
        rule=plan.rule,
        overhead=plan.budget.overhead,
        table=sizes_for(SpecFormat(plan.format)) if plan.format else CATEGORIES,
    )
    lines = matrix_lines(rows, width, plan.video.size if plan.video else None, linear=False)
    if not lines:
        return Content()
    frames = frames_text(plan.frames or settings.frames_to_extract)
    measured = ", measured" if plan.budget.measured else ""
    title = f"Prompt tokens of Cosmos' sizes with {frames}{measured}; {key_of('specs.tokens')} shows more"
    return Content("\n").join(
        [Content.styled(title, "$foreground-muted"), *lines, *matrix_legend(width)]
    )


def _verdict(plan: Plan | None, width: int) -> list[Content]:
    stands = standing(plan)
    if plan is None:
        return [Content.styled(stands.text, stands.colour)]
    if plan.budget is None:
        lines = [Content.styled(stands.text, f"bold {stands.colour}")]
        for address in plan.to_fetch:
            lines += Content(f"{one_line(address)} is fetched when it is sent").wrap(width)
    else:
        lines = budget_lines(plan.budget, stands, width)
    if plan.refusal is not None:
        lines += Content.styled(one_line(plan.refusal.problem), "$text-error").wrap(width)
        if plan.refusal.remedy:
            lines += Content(f"→ {one_line(plan.refusal.remedy)}").wrap(width)
    return lines


def _facts(row: Row, cwd: Path) -> list[tuple[str, str]]:
    spec, plan = row.spec, row.plan
    facts: list[tuple[str, str]] = []
    # What is shown may be a control: the setting `media` decides.
    shown = plan.video.path if plan is not None and plan.video is not None else spec.video
    if plan is not None and plan.video is not None and plan.video.address:
        shown = path_of_address(plan.video.address)
    if shown is not None:
        facts.append(("video", short_path(shown, cwd)))
    if plan is not None and plan.video is not None:
        facts.append(("", media_text(plan.video)))
        if plan.size is not None:
            facts.append(("sent as", sent_text(plan)))
        if plan.warning:
            facts.append(("warning", one_line(plan.warning)))
        facts.append(("linear", f"{plan.linear:,} tokens by the rule of thumb"))
    facts += [(one_line(name), short_path(path, cwd)) for name, path in spec.controls.items()]
    kind = spec.format if spec.target.mode is None else f"{spec.format}, {spec.target.mode}"
    facts.append(("file", f"{short_path(spec.file, cwd)}:{spec.line}  ({kind})"))
    if plan is not None and plan.profile:
        facts.append(("profile", one_line(plan.profile)))
    if spec.prompt_file is not None:
        facts.append(("prompt in", short_path(spec.prompt_file, cwd)))
    if spec.written_prompt is not None:
        facts.append(("note", "upsampled already; this is the short prompt that its file keeps"))
    elif spec.is_upsampled:
        facts.append(("note", "its file says that it was upsampled already"))
    return facts


def media_text(video: Video) -> str:
    """Return the size, length and codec of the video."""
    size = f"{video.size.width}×{video.size.height}"
    if video.kind is MediaKind.IMAGE:
        return f"{size} image · {one_line(video.codec)}"
    if video.kind is MediaKind.SEQUENCE:
        rate = f"{video.fps:.4g} fps · " if video.fps else ""
        return f"{size} · {rate}{video.frames:,} pictures in sequence · {one_line(video.codec)}"
    length = f"{video.fps:.4g} fps · {video.duration:.1f} s · {video.frames:,} frames"
    return f"{size} · {length} · {one_line(video.codec)}"


def sent_text(plan: Plan) -> str:
    """Return how many frames are sent, and of which size."""
    frames = frames_text(plan.frames)
    if plan.size is None or plan.video is None or plan.size == plan.video.size:
        return f"{frames}, as large as they are"
    return f"{frames} of {plan.size.width}×{plan.size.height}"
