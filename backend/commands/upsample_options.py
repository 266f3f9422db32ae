"""The options of `upsample`, declared once, and the settings as they change them.

The settings are imported inside the methods, so that `--help` does not wait for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from backend.results import DEFAULT_SAVE_DIR

if TYPE_CHECKING:
    from backend.config import Settings, Table

_SENDING = Group("What is sent", sort_key=1)
_WHERE = Group("Where it goes", sort_key=2)
_SHOWING = Group("What is shown", sort_key=3)

Resize = Literal["auto", "safe", "off"]
Media = Literal["rgb", "control", "both", "all", "none"]


@dataclass(frozen=True, slots=True)
class UpsampleOptions:
    """The command line of `upsample`, with the help text of each option."""

    no_ui: Annotated[bool, Parameter(help="Upsample at once, without the app.", group=_SHOWING)] = (
        False
    )
    filter: Annotated[
        str,
        Parameter(
            help="Take only what matches, as in the app: words, fits:no, state:failed, -without.",
            group=_SENDING,
        ),
    ] = ""
    columns: Annotated[
        str,
        Parameter(
            help="Columns of tables: prompt=NAME,video=NAME,id=NAME. Otherwise found by common names.",
            group=_SENDING,
        ),
    ] = ""
    save_dir: Annotated[
        Path | None,
        Parameter(help="Folder for the results.", group=_WHERE, show_default=str(DEFAULT_SAVE_DIR)),
    ] = None
    box: Annotated[
        str | None,
        Parameter(
            help="Box to use, one of `config show`. Several: h100,a100, or all.", group=_WHERE
        ),
    ] = None
    mixed: Annotated[
        bool,
        Parameter(
            help="Let boxes with different models share the batch.", negative="", group=_WHERE
        ),
    ] = False
    num_frames: Annotated[
        int | None, Parameter(help="Frames the model looks at.", group=_SENDING)
    ] = None
    max_resolution: Annotated[
        str | None,
        Parameter(help="Most to send: 854x480, or 480 for the shorter side.", group=_SENDING),
    ] = None
    resize: Annotated[
        Resize | None,
        Parameter(
            help="auto: the largest size that fits. safe: safe_resolution. off: the video's own.",
            group=_SENDING,
            metavar="auto|safe|off",
            show_choices=False,
        ),
    ] = None
    media: Annotated[
        Media | None,
        Parameter(
            help="What the model looks at: the RGB video, the control's, or both.",
            group=_SENDING,
            metavar="rgb|control|both",
            show_choices=False,
        ),
    ] = None
    preprocess_videos: Annotated[
        bool, Parameter(help="The older spelling of --resize auto.", group=_SENDING)
    ] = False
    ignore_budget: Annotated[
        bool,
        Parameter(help="Send what by our count does not fit, too.", group=_SENDING),
    ] = False
    num_gpu: Annotated[
        int | None, Parameter(help="GPUs that share the model on the box.", group=_SENDING)
    ] = None
    candidates: Annotated[
        int,
        Parameter(help="Answers to draw for each prompt.", group=_SENDING, show_default=True),
    ] = 1
    seed: Annotated[
        int,
        Parameter(
            help="Of the first candidate; the next ones count up.",
            group=_SENDING,
            show_default=True,
        ),
    ] = 0
    force: Annotated[
        bool,
        Parameter(
            help="Replace files that are there already, and take upsampled prompts, too.",
            group=_WHERE,
        ),
    ] = False
    include_upsampled: Annotated[
        bool,
        Parameter(
            help="Take prompts that are upsampled already, too.", negative="", group=_SENDING
        ),
    ] = False
    review: Annotated[
        bool,
        Parameter(help="Write each result only when it is accepted in a review.", group=_WHERE),
    ] = False
    hand_over: Annotated[
        bool | None,
        Parameter(
            help="Give the box the whole batch at once, so that this machine may be closed; or only "
            "what keeps it busy.",
            negative="--no-hand-over",
            group=_WHERE,
        ),
    ] = None
    accept_host_key: Annotated[
        str,
        Parameter(help="Fingerprint (SHA256:…) of a new box's host key.", group=_WHERE),
    ] = ""
    dry_run: Annotated[
        bool, Parameter(help="Show what would be sent, and stop.", group=_SHOWING)
    ] = False
    exact: Annotated[
        bool,
        Parameter(
            help="With --dry-run: let the box's model server count the tokens of the texts.",
            negative="",
            group=_SHOWING,
        ),
    ] = False
    json: Annotated[
        bool, Parameter(help="Events on stdout, one JSON object a line.", group=_SHOWING)
    ] = False
    paths: Annotated[tuple[Path, ...], Parameter(parse=False)] = ()

    @property
    def results_folder(self) -> Path:
        """The folder for the results: `save_dir`, or the default where the user names none."""
        return self.save_dir or DEFAULT_SAVE_DIR

    @property
    def wanted_resize(self) -> Resize | None:
        """`resize`, which wins over its older spelling; None where the user gives neither."""
        return self.resize or ("auto" if self.preprocess_videos else None)

    def load_settings(self) -> Settings:
        """Load the settings with what this command line changes. Raises ConfigError."""
        from backend.config import load_settings

        return load_settings(self.changes())

    def changes(self) -> Table:
        """Return the settings that this command line changes. Raises ConfigError."""
        from backend.config import load_settings

        upsampling: Table = {
            key: value
            for key, value in {
                "frames_to_extract": self.num_frames,
                "max_upsample_resolution": self.max_resolution,
                "media": self.media,
            }.items()
            if value is not None
        }
        if self.wanted_resize is not None:
            upsampling["auto_resize"] = self.wanted_resize != "off"
            upsampling["fit"] = "safe" if self.wanted_resize == "safe" else "largest"
        if self.ignore_budget:
            upsampling["enforce_budget"] = False
        changes: Table = {"upsampling": upsampling}
        if self.hand_over is not None:
            changes["queue"] = {"ahead": "batch" if self.hand_over else "slots"}
        if self.box is not None:
            # `load_settings` then uses the context length of this box.
            changes["box"] = self.box
        if self.num_gpu is None:
            return changes
        # It must change the table of the box itself, which wins over [box_defaults].
        vllm: Table = {"tensor_parallel_size": self.num_gpu}
        boxes: Table = {name: {"vllm": vllm} for name in load_settings(changes).fleet}
        return changes | {"boxes": boxes}
