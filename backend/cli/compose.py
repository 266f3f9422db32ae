"""`upsample compose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from backend.exit_codes import ExitCode

SpecFormatName = Literal[
    "transfer2.5",
    "transfer1",
    "transfer1-batch",
    "cosmos3",
    "predict2.5",
    "predict2",
    "prompt-spec",
    "upsampler-batch",
    "pipeline-prompt",
    "table",
    "prompt",
    "text",
]
Control = Literal["edge", "vis", "depth", "seg"]


def compose(
    *words: Annotated[str, Parameter(help="Prompts, each in quotes.", name="PROMPT")],
    prompts: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Files of prompts: texts with one a line, tables, or specs.", consume_multiple=True
        ),
    ] = (),
    videos: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Clips for each prompt: videos and pictures, folders, lists of files. Without it, each "
            "prompt keeps the video beside it, if there is one.",
            consume_multiple=True,
        ),
    ] = (),
    styles: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--styles", "--style"),
            help="Styles of `compose.styles` for each prompt; `plain` is none, `all` is each of them.",
            consume_multiple=True,
        ),
    ] = (),
    format: Annotated[  # noqa: A002
        SpecFormatName | None,
        Parameter(
            help="Format of the specs: transfer2.5 (for videos), cosmos3 (for pictures, and for prompts "
            "alone), transfer1, transfer1-batch, predict2.5, predict2, prompt-spec, upsampler-batch, "
            "pipeline-prompt, table, prompt or text.",
            metavar="NAME",
            show_choices=False,
        ),
    ] = None,
    pattern: Annotated[
        str,
        Parameter(
            help="Names of the specs, of {video} {prompt} {style} {id} {n} {prompt_n} {video_n}; {n:03} "
            "has three digits. Default: {video}_{prompt}_{n:03}."
        ),
    ] = "",
    control: Annotated[
        Control,
        Parameter(
            help="Control of a transfer.",
            metavar="edge|vis|depth|seg",
            show_choices=False,
            show_default=True,
        ),
    ] = "edge",
    save_dir: Annotated[
        Path | None, Parameter(help="Folder for the specs.", show_default="composed")
    ] = None,
    columns: Annotated[
        str, Parameter(help="Columns of tables: prompt=NAME,video=NAME,id=NAME.")
    ] = "",
    dry_run: Annotated[bool, Parameter(help="Show the first ten, and write nothing.")] = False,
    force: Annotated[bool, Parameter(help="Replace files that are there already.")] = False,
    undo: Annotated[
        bool,
        Parameter(
            help="Remove what was composed last from this folder, but for files that were changed since."
        ),
    ] = False,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Make specs: every prompt with every video, in every style."""
    from backend.commands.compose import ComposeOptions, compose_specs, undo_composition

    if undo:
        return undo_composition(as_json=json)
    options = ComposeOptions(
        words,
        prompts,
        videos,
        styles,
        format,
        pattern,
        control,
        save_dir,
        columns,
        dry_run=dry_run,
        force=force,
        as_json=json,
    )
    return compose_specs(options)
