"""The keys that the parsers of Cosmos 3 and Transfer2.5 take, as strict models: an unknown key is an error.

A path must lead to a file from the folder of the spec, as there; an address is only kept. The models check
the keys and what kind their values are, and no ranges.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, model_validator
from ruamel.yaml import YAML

from backend.addresses import is_address


def _existing(path: str, info: ValidationInfo) -> str:
    """The real path of a file or folder that a spec names."""
    if is_address(path):
        return path
    assert isinstance(info.context, Path)
    found = os.path.realpath(info.context / path)
    if not os.path.exists(found):  # noqa: PTH110 - it is a text here
        raise ValueError(f"there is no {found}")
    return found


Place = Annotated[str, AfterValidator(_existing)]
Strength = Literal["none", "very_low", "low", "medium", "high", "very_high"]


T = TypeVar("T", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Prompted(Strict):
    """An object with a prompt, or with the path of a file that holds it."""

    name: str | None = None
    prompt: str | None = None
    prompt_path: Place | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    guidance: float | None = None
    fps: int | None = None
    num_steps: int | None = None

    @model_validator(mode="after")
    def _read_prompt(self) -> Prompted:
        if self.prompt is None and self.prompt_path is not None:
            self.prompt = Path(self.prompt_path).read_text(encoding="utf-8").strip()
        self.prompt_path = None
        return self


class Cosmos3Control(Strict):
    control_path: Place | None = None
    weight: float | None = None
    preset_edge_threshold: Strength | None = None
    preset_blur_strength: Strength | None = None


class Cosmos3(Prompted):
    """A spec of Cosmos 3. Without a mode, it follows from the other keys."""

    model_mode: (
        Literal["text2image", "text2video", "image2image", "image2video", "video2video"] | None
    ) = None
    vision_path: Place | None = None
    resolution: Literal["256", "480", "720", "768"] | None = None
    aspect_ratio: Literal["1,1", "4,3", "3,4", "16,9", "9,16"] | None = None
    num_frames: int | None = None
    negative_prompt_file: Place | None = None
    defaults_file: Place | None = None
    extra: dict[str, object] | None = None
    enable_sound: bool | None = None
    shift: float | None = None
    control_guidance: float | None = None
    edge: Cosmos3Control | None = None
    blur: Cosmos3Control | None = None
    depth: Cosmos3Control | None = None
    seg: Cosmos3Control | None = None
    wsm: Cosmos3Control | None = None


class Transfer25Control(Strict):
    control_path: Place | None = None
    control_weight: float = 1.0
    control_prompt: str | None = None
    mask_path: Place | None = None
    preset_edge_threshold: Strength | None = None


class Transfer25(Prompted):
    """A spec of Transfer2.5 with one video."""

    name: str
    video_path: Place
    edge: Transfer25Control | None = None
    depth: Transfer25Control | None = None
    vis: Transfer25Control | None = None
    seg: Transfer25Control | None = None
    guided_generation_mask: Place | None = None
    image_context_path: Place | None = None
    max_frames: int | None = None
    resolution: str | None = None


class View(Strict):
    input_path: Place | None = None
    control_path: Place | None = None


class Transfer25Views(Prompted):
    """A spec of Transfer2.5 for several cameras, on a car or a robot."""

    name: str
    num_conditional_frames: int | None = None
    front_wide: View | None = None
    rear: View | None = None
    rear_left: View | None = None
    rear_right: View | None = None
    cross_left: View | None = None
    cross_right: View | None = None
    front_tele: View | None = None
    head_color: View | None = None
    hand_left: View | None = None
    hand_right: View | None = None


class Plenoptic(Prompted):
    """A spec of Transfer2.5 that films a video anew along other ways of the camera."""

    name: str
    input_path: Place
    camera_sequence: list[str]


def accepted(kind: type[T], file: Path) -> list[T]:
    """The entries of a spec file, as the parser of this kind takes them. Raises ValidationError."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        entries = [json.loads(line) for line in text.splitlines()]
    elif file.suffix == ".yaml":
        entries = [YAML(typ="safe", pure=True).load(text)]
    else:
        entries = [json.loads(text)]
    return [kind.model_validate(entry, context=file.parent) for entry in entries]
