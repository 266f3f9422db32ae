"""The texts of the dialog that composes specs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from backend.compose.composition import PREVIEWED, Composition, NewSpec
from backend.compose.making import Made
from tui.compose.undo_hint import undo_hint
from tui.text import MUTED, cut, cut_middle, left, one_line, short_path
from tui.widgets.amounts import counted

_LEAST_PROMPT = 16
"""The cells of a line that a name leaves for the prompt, at least."""


def sum_text(composition: Composition, troubles: Sequence[str], unseen: int) -> Content:
    """Say how many specs come of it, in what, where, and what is wrong with some."""
    count = counted(composition.count, "spec")
    parts = [
        counted(len(composition.prompts), "prompt"),
        *([counted(len(composition.clips), "video")] if composition.clips else []),
        *([counted(len(composition.styles), "style")] if composition.styles else []),
    ]
    lines = [
        Content.assemble(
            (count, "bold"),
            (f"  {' × '.join(parts)}", MUTED),
            f"  as {composition.format.name.value}",
            ("  in ", MUTED),
            one_line(f"{short_path(composition.folder, composition.cwd)}/"),
        )
    ]
    if troubles:
        more = f", and {len(troubles) - 1:,} more" if len(troubles) > 1 else ""
        lines.append(Content.styled(f"left out: {one_line(troubles[0])}{more}", "$text-warning"))
    if unseen:
        text = f"{unseen:,} would be left alone when their folder is opened: choose another format"
        lines.append(Content.styled(text, "$text-warning"))
    return Content("\n").join(lines)


def preview_text(composition: Composition, first: Sequence[NewSpec], width: int) -> Content:
    """List the first specs, each on a line: its file, and its prompt."""
    names = [one_line(_called(composition, spec)) for spec in first]
    room = min(max(map(cell_len, names), default=0), width - _LEAST_PROMPT - 2)
    lines = [
        Content.assemble(
            (left(cut_middle(name, room), room), "$text-primary"),
            "  ",
            (cut(one_line(spec.prompt), max(0, width - room - 2)), MUTED),
        )
        for name, spec in zip(names, first, strict=True)
    ]
    if composition.count > PREVIEWED:
        lines.append(Content.styled(f"… and {composition.count - PREVIEWED:,} more", MUTED))
    return Content("\n").join(lines)


def made_text(made: Made) -> str:
    """Say what was written, and how to undo it."""
    already = f", {made.already:,} of them there already" if made.already else ""
    what = f"{counted(made.specs, 'spec')} written{already}"
    if made.is_stopped:
        what = f"Stopped: {what}"
    return f"{what} in {one_line(str(made.folder))}" + (f"; {undo_hint()}" if made.record else "")


def _called(composition: Composition, spec: NewSpec) -> str:
    return spec.name if composition.format.is_one_file else composition.file_of(spec)
