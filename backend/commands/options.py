"""The command line of `upsample`, and the settings as it changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.config import Settings, Table, load_settings

DEFAULT_SAVE_DIR = Path("outputs")


@dataclass(frozen=True, slots=True)
class UpsampleOptions:
    """The command line of `upsample`."""

    paths: Sequence[Path]
    save_dir: Path = DEFAULT_SAVE_DIR
    box: str | None = None
    num_frames: int | None = None
    max_resolution: str | None = None
    media: str | None = None
    resize: str | None = None
    ignore_budget: bool = False
    num_gpu: int | None = None
    candidates: int = 1
    seed: int = 0
    force: bool = False
    accept_host_key: str = ""
    dry_run: bool = False
    json: bool = False
    filter: str = ""
    review: bool = False

    def settings(self) -> Settings:
        """The settings with what this command line changes. Raises ConfigError."""
        return load_settings(self.changes())

    def changes(self) -> Table:
        """What this command line changes. Raises ConfigError."""
        upsampling: Table = {
            key: value
            for key, value in {
                "frames_to_extract": self.num_frames,
                "max_upsample_resolution": self.max_resolution,
                "media": self.media,
            }.items()
            if value is not None
        }
        if self.resize is not None:
            upsampling["auto_resize"] = self.resize != "off"
            upsampling["fit"] = "safe" if self.resize == "safe" else "largest"
        if self.ignore_budget:
            upsampling["enforce_budget"] = False
        changes: Table = {"upsampling": upsampling}
        if self.box is not None:
            # Its own context length counts then.
            changes["box"] = self.box
        if self.num_gpu is None:
            return changes
        # The box's own table wins over [box_defaults], and the command line over both.
        name, _ = load_settings(changes).box_named(self.box)
        vllm: Table = {"tensor_parallel_size": self.num_gpu}
        return changes | {"boxes": {name: {"vllm": vllm}}}
