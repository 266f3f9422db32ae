"""Every setting of config.toml as a checked type, one class for each table. config.toml explains the keys."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)

from backend.config.box_names import ALL_BOXES, names_in, refuse_name
from backend.config.box_settings import BoxSettings, EngineName
from backend.config.config_table import LEAST_MAX_TOKENS, MOST_MAX_TOKENS, ConfigTable
from backend.config.profiles import AUTO, OTHERWISE, Profile, load_profile, profile_names
from backend.config.profiles.fitting import spec_kind
from backend.errors import ConfigError, InputError
from backend.sizes import Bound, Size
from backend.specs.media import Media
from backend.specs.model import Mode
from backend.specs.quoting import quoted
from backend.video import FrameFormat, FrameSampling

_MOST_SHOWN = {Media.NONE: 0, Media.RGB: 1, Media.CONTROL: 1, Media.BOTH: 2, Media.ALL: 9}
"""The most videos that one request shows. Transfer1 knows a source and eight controls, Cosmos 3 five."""
_LANGUAGE = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ()\u0300-\u036f\u0900-\u0dff’'-]){0,39}")
"""The name of a language. It becomes part of a sentence, so it has no other signs than names have."""
_LATER = ("answer_language",)
"""Settings of [upsampling] that came after the first version, and change nothing while they are empty."""


class Fit(StrEnum):
    """The size that frames are scaled to when the original size does not fit."""

    LARGEST = "largest"
    SAFE = "safe"


class Estimator(StrEnum):
    """How vision tokens are counted for the decision whether a prompt fits."""

    EXACT = "exact"
    LINEAR = "linear"


class Send(StrEnum):
    """What the model server is sent of a video."""

    FRAMES = "frames"
    """Each frame as a picture."""
    CLIP = "clip"
    """A clip of the frames."""


class Upsampling(ConfigTable):
    """[upsampling]: how prompts are upsampled, on every box."""

    max_tokens: int = Field(ge=LEAST_MAX_TOKENS, le=MOST_MAX_TOKENS)
    reserve: int = Field(ge=1)
    frames_to_extract: int = Field(ge=1, le=64)
    frame_sampling: FrameSampling
    send: Send
    frame_format: FrameFormat
    jpeg_quality: int = Field(ge=1, le=100)
    safe_resolution: str
    auto_resize: bool
    fit: Fit
    max_upsample_resolution: str
    hint_video_dir: Path
    media: Media
    system_prompt: str
    answer_language: str
    enforce_budget: bool
    profile: str
    estimator: Estimator
    _by_kind: dict[str, Upsampling] = PrivateAttr(default_factory=dict)
    """With the profile AUTO, the settings for specs of each kind that a profile names."""

    @field_validator("safe_resolution")
    @classmethod
    def _check_size(cls, value: str) -> str:
        return str(_parse_or_value_error(Size.parse, value))

    @field_validator("max_upsample_resolution", mode="before")
    @classmethod
    def _allow_number(cls, value: object) -> object:
        # Users may write 480 or "480" for the shorter side.
        return str(value) if type(value) is int else value

    @field_validator("max_upsample_resolution")
    @classmethod
    def _check_bound(cls, value: str) -> str:
        return str(_parse_or_value_error(Bound.parse, value))

    @field_validator("hint_video_dir")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        return Path(os.path.expanduser(value))  # noqa: PTH111 - Path's raises for an unknown user

    @field_validator("answer_language")
    @classmethod
    def _check_language(cls, value: str) -> str:
        value = value.strip()
        if value and not _LANGUAGE.fullmatch(value):
            raise ValueError(
                'a language is named by at most 40 letters, as in "English" or "中文"; "" leaves it open'
            )
        return value

    @field_validator("profile")
    @classmethod
    def _check_profile(cls, value: str) -> str:
        if value != AUTO and value not in profile_names():
            known = ", ".join((AUTO, *profile_names()))
            raise ValueError(f"there is no such profile; there are: {known}")
        return value

    def for_spec(self, format_name: str, mode: Mode | None) -> Upsampling:
        """Return the settings for specs of this format and mode, under which `profile` names one profile."""
        if self.profile != AUTO:
            return self
        found = self._by_kind.get(spec_kind(format_name, mode))
        return found or self.model_copy(update={"profile": OTHERWISE})

    @property
    def resize(self) -> str:
        """What `--resize` calls the choice of a size: "auto", "safe" or "off"."""
        if not self.auto_resize:
            return "off"
        return "safe" if self.fit is Fit.SAFE else "auto"

    @property
    def of_fitting_profiles(self) -> tuple[Upsampling, ...]:
        """With the profile AUTO, the settings for each profile that names specs which it fits."""
        return tuple({own.profile: own for own in self._by_kind.values()}.values())

    def as_json(self, *, without: Collection[str] = ()) -> str:
        """Return the settings as JSON, by which equal orders are recognised.

        What came after the first version is left out while it is empty, or changes nothing, so that orders
        which do not use it stay equal to those that were made before, and earlier versions read them.
        """
        unused = {name for name in _LATER if not getattr(self, name)}
        if self.frame_format is not FrameFormat.JPEG:
            unused.add("jpeg_quality")
        if self.frame_format is FrameFormat.AUTO:
            unused.add("frame_format")
        if self.send is Send.FRAMES:
            unused.add("send")
        return self.model_dump_json(exclude=unused.union(without))

    def changed(self, changes: Mapping[str, object]) -> Upsampling:
        """Return these settings with some of them changed, for specs of every kind.

        Raises pydantic's ValidationError where a value is wrong.
        """
        made = Upsampling.model_validate(self.model_dump() | dict(changes))
        again = {own.profile: own.changed(changes) for own in self.of_fitting_profiles}
        made._by_kind = {kind: again[own.profile] for kind, own in self._by_kind.items()}
        return made

    @property
    def most_frames(self) -> int:
        """The most frames that one request can have; 0 for a model that is shown none."""
        return self.frames_to_extract * _MOST_SHOWN[self.media]

    @property
    def most_images(self) -> int:
        """The most pictures that one request can have, without its clips."""
        return self.most_frames if self.send is Send.FRAMES else _MOST_SHOWN[self.media]

    @property
    def most_clips(self) -> int:
        """The most clips that one request can have."""
        return 0 if self.send is Send.FRAMES else _MOST_SHOWN[self.media]

    @property
    def safe_bound(self) -> Bound:
        """`safe_resolution` as a bound: frames must fit inside it."""
        return Bound.parse(self.safe_resolution)

    @property
    def bound(self) -> Bound:
        """`max_upsample_resolution` as a bound."""
        return Bound.parse(self.max_upsample_resolution)


class Ahead(StrEnum):
    """How many jobs a box is given ahead of time."""

    AUTO = "auto"
    """The batch, for a box that is not this machine."""
    SLOTS = "slots"
    """As many as keep it busy."""
    BATCH = "batch"
    """All, as quickly as the link allows."""

    def hands_over(self, host: str) -> bool:
        """Whether the box at this host gets the whole batch at once, so that it needs this program no more.

        An empty host is the embedded box.
        """
        return self is Ahead.BATCH or (self is Ahead.AUTO and bool(host))


class Compose(ConfigTable):
    """[compose]: how new specs are made."""

    styles: list[str] | dict[str, str]

    @field_validator("styles")
    @classmethod
    def _check_styles(cls, value: list[str] | dict[str, str]) -> list[str] | dict[str, str]:
        for style in value.values() if isinstance(value, dict) else value:
            if not style.strip() or not style.isprintable():
                raise ValueError(f"a style is words on one line, and {quoted(style)} is none")
        for name in value if isinstance(value, dict) else ():
            if name in ("all", "plain") or not name.strip() or not name.isprintable():
                raise ValueError(f"a style cannot be named {quoted(name)}")
        return value


class Queue(ConfigTable):
    """[queue]: how a run works on the queue."""

    give_up_after: float = Field(ge=0, allow_inf_nan=False)
    ahead: Ahead


class Specs(ConfigTable):
    """[specs]: which prompts are taken."""

    upsampled_words: int = Field(ge=0)
    fetch_media: bool


class App(ConfigTable):
    """[app]: what the terminal app starts."""

    player: list[str]


class Announce(ConfigTable):
    """[announce]: how the user is told that a batch is over."""

    after: float = Field(ge=0, allow_inf_nan=False)
    terminal: bool
    desktop: bool
    bell: bool
    command: list[str]


class Cache(ConfigTable):
    """[cache]: what is kept on this machine so that it need not be made again."""

    hint_videos_gb: float = Field(ge=0, allow_inf_nan=False)
    fetched_gb: float = Field(ge=0, allow_inf_nan=False)

    @property
    def most_bytes(self) -> int | None:
        """The most bytes that a folder for hint videos keeps; None where it has no bound."""
        return round(self.hint_videos_gb * 1e9) or None

    @property
    def most_fetched_bytes(self) -> int | None:
        """The most bytes of fetched media that are kept; None where there is no bound."""
        return round(self.fetched_gb * 1e9) or None


class Settings(ConfigTable):
    """All settings of config.toml."""

    box: str
    """The chosen box. Of a chosen fleet, it is the first one."""
    upsampling: Upsampling
    app: App
    announce: Announce
    specs: Specs
    compose: Compose
    queue: Queue
    cache: Cache
    box_defaults: BoxSettings
    """The defaults for every box. They are merged into each entry of `boxes` before the check."""
    boxes: dict[str, BoxSettings]
    keys: dict[str, dict[str, str]]
    """Keys of the app by place and name; the app knows which there are."""
    _fleet: tuple[str, ...] = PrivateAttr(default=())
    """The names of the chosen boxes."""
    _max_tokens: dict[str, int] = PrivateAttr(default_factory=dict)
    """The context length of each box, by the box's name."""
    _without_max_tokens: set[str] = PrivateAttr(default_factory=set)
    """The boxes for which the user says no context length: a default counts, or what the server tells."""
    _by_kind: dict[str, Settings] = PrivateAttr(default_factory=dict)
    """With the profile AUTO, the settings for specs of each kind that a profile names."""

    @model_validator(mode="wrap")
    @classmethod
    def _choose_boxes(cls, value: object, handler: ModelWrapValidatorHandler[Settings]) -> Settings:
        """Take several names where the setting `box` has them: a list, or names between commas."""
        if not isinstance(value, Mapping) or "box" not in value:
            return handler(value)
        names = names_in(value["box"])
        made = handler({**value, "box": names[0]} if names else value)
        if names == (ALL_BOXES,):
            names = made._all_boxes()
            made = made.model_copy(update={"box": names[0]})
        made._fleet = names
        return made

    def _all_boxes(self) -> tuple[str, ...]:
        """Return the names that ALL_BOXES stands for: those with a host, or all where none has one."""
        return tuple(name for name, box in self.boxes.items() if box.host) or tuple(self.boxes)

    @field_validator("box", mode="before")
    @classmethod
    def _check_box(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):  # `names_in` has found no names in it
            raise ValueError('it is a name, or a list of names: "h100", ["h100", "a100"]')
        return value

    @field_validator("boxes")
    @classmethod
    def _check_names(cls, value: dict[str, BoxSettings]) -> dict[str, BoxSettings]:
        for name in value:
            refuse_name(name)
        return value

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the chosen boxes, in the order in which they are named; often it is one."""
        return self._fleet or (self.box,)

    @property
    def fleet(self) -> dict[str, BoxSettings]:
        """The chosen boxes by name. Raises ConfigError where one does not exist."""
        return dict(map(self.box_named, self.chosen))

    def fleet_named(self, text: str) -> dict[str, BoxSettings]:
        """Return the boxes that a text names, as the setting `box` does. Raises ConfigError."""
        names = self._all_boxes() if text == ALL_BOXES else names_in(text)
        return dict(map(self.box_named, names or (text,)))

    def max_tokens_on(self, box: str) -> int:
        """Return the context length of a box. `upsampling.max_tokens` is that of the chosen box."""
        here = self.upsampling.max_tokens
        return here if box == self.box else self._max_tokens.get(box, here)

    def upsampling_on(self, box: str) -> Upsampling:
        """Return the settings for prompts that are upsampled on this box."""
        if box == self.box:
            return self.upsampling
        here = self.upsampling.model_copy(update={"max_tokens": self.max_tokens_on(box)})
        here._by_kind = self._kinds_on(box)
        return here

    def _kinds_on(self, box: str) -> dict[str, Upsampling]:
        """Return the settings on this box for specs of each kind that a profile names, with AUTO."""
        if box not in self.boxes or self.boxes[box].answering is EngineName.SKETCH:
            return {}  # the engine sketch writes prose, whatever it is asked for
        known = self.upsampling._by_kind
        return {
            kind: known.get(kind, own.upsampling).model_copy(
                update={"max_tokens": own.max_tokens_on(box)}
            )
            for kind, own in self._by_kind.items()
        }

    def follows_server_on(self, box: str) -> bool:
        """Whether the context length that the box's model server tells counts, and not `max_tokens_on`.

        It counts where the user says none. Only the engine openai asks its server.
        """
        return self.boxes[box].answering is EngineName.OPENAI and box in self._without_max_tokens

    @property
    def profile(self) -> Profile:
        """The chosen profile."""
        return load_profile(self.upsampling.profile)

    def box_named(self, name: str | None) -> tuple[str, BoxSettings]:
        """Return the box with this name, or the one that the setting `box` names. Raises ConfigError."""
        name = name or self.box
        if name not in self.boxes:
            known = ", ".join(sorted(self.boxes))
            raise ConfigError(
                f"no box is named {name!r}; there are: {known}",
                f"Choose one of them: upsample config set box NAME. Or add it: upsample box add {name}",
            )
        return name, self.boxes[name]


def _parse_or_value_error(parse: Callable[[str], object], value: str) -> object:
    """Convert an InputError into a ValueError, which pydantic reports as a validation error."""
    try:
        return parse(value)
    except InputError as error:
        raise ValueError(error.problem) from None
