"""`upsample [PATH …]`: the app, or with `--no-ui` the work at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from backend.exit_codes import ExitCode

_SENDING = Group("What is sent", sort_key=1)
_WHERE = Group("Where it goes", sort_key=2)
_SHOWING = Group("What is shown", sort_key=3)

Resize = Literal["auto", "safe", "off"]
Media = Literal["rgb", "control", "both"]


def upsample(
    *paths: Annotated[Path, Parameter(help="Specs, and folders to look for specs in.")],
    no_ui: Annotated[
        bool, Parameter(help="Upsample at once, without the app.", group=_SHOWING)
    ] = False,
    filter: Annotated[  # noqa: A002
        str | None,
        Parameter(
            help="Take only what matches, as in the app: words, fits:no, state:failed, -without.",
            group=_SENDING,
        ),
    ] = None,
    save_dir: Annotated[
        Path, Parameter(help="Folder for the results.", group=_WHERE, show_default=True)
    ] = Path("outputs"),
    box: Annotated[
        str | None, Parameter(help="Box to use, one of `config show`.", group=_WHERE)
    ] = None,
    num_frames: Annotated[
        int | None, Parameter(help="Frames the model looks at.", group=_SENDING)
    ] = None,
    max_resolution: Annotated[
        str | None,
        Parameter(help="Most to send: 854x480, or 480 for the shorter side.", group=_SENDING),
    ] = None,
    resize: Annotated[
        Resize | None,
        Parameter(
            help="auto: the largest size that fits. safe: safe_resolution. off: the video's own.",
            group=_SENDING,
            metavar="auto|safe|off",
            show_choices=False,
        ),
    ] = None,
    media: Annotated[
        Media | None,
        Parameter(
            help="What the model looks at: the RGB video, the control's, or both.",
            group=_SENDING,
            metavar="rgb|control|both",
            show_choices=False,
        ),
    ] = None,
    preprocess_videos: Annotated[
        bool, Parameter(help="The older spelling of --resize auto.", group=_SENDING)
    ] = False,
    ignore_budget: Annotated[
        bool,
        Parameter(help="Send what by our count does not fit, too.", group=_SENDING),
    ] = False,
    num_gpu: Annotated[
        int | None, Parameter(help="GPUs that share the model on the box.", group=_SENDING)
    ] = None,
    candidates: Annotated[
        int,
        Parameter(help="Answers to draw for each prompt.", group=_SENDING, show_default=True),
    ] = 1,
    seed: Annotated[
        int,
        Parameter(
            help="Of the first candidate; the next ones count up.",
            group=_SENDING,
            show_default=True,
        ),
    ] = 0,
    force: Annotated[
        bool, Parameter(help="Replace files that are there already.", group=_WHERE)
    ] = False,
    review: Annotated[
        bool,
        Parameter(help="Write each result only when it is accepted in a review.", group=_WHERE),
    ] = False,
    accept_host_key: Annotated[
        str | None,
        Parameter(help="Fingerprint (SHA256:…) of a new box's host key.", group=_WHERE),
    ] = None,
    dry_run: Annotated[
        bool, Parameter(help="Show what would be sent, and stop.", group=_SHOWING)
    ] = False,
    json: Annotated[
        bool, Parameter(help="Events on stdout, one JSON object a line.", group=_SHOWING)
    ] = False,
) -> ExitCode:
    from backend.commands.options import UpsampleOptions

    options = UpsampleOptions(
        paths=paths,
        save_dir=save_dir,
        box=box,
        num_frames=num_frames,
        max_resolution=max_resolution,
        media=media,
        resize="auto" if preprocess_videos and resize is None else resize,
        ignore_budget=ignore_budget,
        num_gpu=num_gpu,
        candidates=candidates,
        seed=seed,
        force=force,
        accept_host_key=accept_host_key or "",
        dry_run=dry_run,
        json=json,
        filter=filter or "",
        review=review,
    )
    if no_ui or dry_run:
        from backend.commands.upsample import upsample_batch

        return upsample_batch(options)
    from backend.commands.app import open_app

    return open_app(options)
