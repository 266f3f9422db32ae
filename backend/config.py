"""config.toml as checked settings.

Layers, from weak to strong: the shipped file, the chosen profile, the user's file, ./config.toml,
`UPSAMPLE_*`, the command line. Each layer holds only what it changes. A layer is checked the moment it
is laid on, so that a complaint names the one that is to blame. Editing is in `backend.config_edit`.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from backend.complaints import first_complaint
from backend.config_trust import decisions_not_ours, without_repeats
from backend.errors import ConfigError, InputError
from backend.media import Media
from backend.profiles import Profile, load_profile, profile_names
from backend.regular_files import read_regular
from backend.resolutions import Bound, Size
from backend.specs.quoting import quoted
from backend.video import FrameSampling

Table = dict[str, object]

LEAST_MAX_TOKENS = 64

LOCAL_FILE = Path("config.toml")
"""Read from the working directory."""

_ENVIRONMENT = "UPSAMPLE_"
_NO_HOST = re.compile(r"""[\s\x00-\x1f\x7f$`'"\\;&|<>(){}*?!#]""")
_MOST_BYTES = 1 << 20
"""Of a config.toml; the shipped one has a hundredth of it."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fit(StrEnum):
    """How small frames are made when they must be."""

    LARGEST = "largest"
    SAFE = "safe"


class Estimator(StrEnum):
    """How vision tokens are counted when something is refused."""

    EXACT = "exact"
    LINEAR = "linear"


class Upsampling(_Section):
    """[upsampling]: how prompts are upsampled, on whichever box. config.toml explains each key."""

    max_tokens: int = Field(ge=LEAST_MAX_TOKENS, le=1_048_576)
    reserve: int = Field(ge=1)
    frames_to_extract: int = Field(ge=1, le=64)
    frame_sampling: FrameSampling
    safe_resolution: str
    auto_resize: bool
    fit: Fit
    max_upsample_resolution: str
    hint_video_dir: Path
    media: Media
    system_prompt: str
    enforce_budget: bool
    profile: str
    estimator: Estimator

    @field_validator("safe_resolution")
    @classmethod
    def _check_size(cls, value: str) -> str:
        return str(_no_input_error(Size.parse, value))

    @field_validator("max_upsample_resolution", mode="before")
    @classmethod
    def _allow_number(cls, value: object) -> object:
        # 480 and "480" both mean the shorter side.
        return str(value) if type(value) is int else value

    @field_validator("max_upsample_resolution")
    @classmethod
    def _check_bound(cls, value: str) -> str:
        return str(_no_input_error(Bound.parse, value))

    @field_validator("hint_video_dir")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        return Path(os.path.expanduser(value))  # noqa: PTH111 - Path's raises for an unknown user

    @field_validator("profile")
    @classmethod
    def _check_profile(cls, value: str) -> str:
        if value not in profile_names():
            raise ValueError(f"there is no such profile; there are: {', '.join(profile_names())}")
        return value

    @property
    def most_frames(self) -> int:
        """The most frames that one request can have."""
        return self.frames_to_extract * (2 if self.media is Media.BOTH else 1)

    @property
    def safe_bound(self) -> Bound:
        """`safe_resolution` as the box that frames must fit into."""
        return Bound.parse(self.safe_resolution)

    @property
    def bound(self) -> Bound:
        """`max_upsample_resolution`."""
        return Bound.parse(self.max_upsample_resolution)


class Vllm(_Section):
    """[boxes.NAME.vllm]: how vLLM is started there."""

    command: list[str] = Field(min_length=1)
    tensor_parallel_size: int = Field(ge=1)
    gpu_memory_utilization: float = Field(gt=0, le=1)
    max_num_seqs: int = Field(ge=1)
    cuda_visible_devices: str
    env: dict[str, str]


class OpenAI(_Section):
    """[boxes.NAME.openai]: a model server that runs there already."""

    base_url: str
    api_key_env: str
    slots: int = Field(ge=1)


class BoxSettings(_Section):
    """[boxes.NAME]: one box, with what [box_defaults] says where it says nothing itself."""

    host: str
    root: str = Field(min_length=1)
    engine: str
    model: str
    max_tokens: int = Field(ge=0, le=1_048_576)
    idle_timeout: float = Field(gt=0, allow_inf_nan=False)
    keep_days: float = Field(ge=0, allow_inf_nan=False)
    first_token_timeout: float = Field(gt=0, allow_inf_nan=False)
    next_token_timeout: float = Field(gt=0, allow_inf_nan=False)
    vllm: Vllm
    openai: OpenAI

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        # It is put into a ProxyCommand and the like; no name of a host has any of these.
        if value.startswith("-") or _NO_HOST.search(value):
            raise ValueError("that is no name, address, user@host or Host of ~/.ssh/config")
        return value

    @field_validator("model")
    @classmethod
    def _check_model(cls, value: str) -> str:
        if value.startswith("-"):
            raise ValueError("a model's name does not begin with -, which makes an option of it")
        return value

    @field_validator("root")
    @classmethod
    def _check_root(cls, value: str) -> str:
        # Another user's home ("~ada") is not for us to write to, and SFTP knows no ~.
        if not value.startswith(("/", "~/")):
            raise ValueError("a folder on the box is written from / or from ~/")
        return value

    @field_validator("max_tokens")
    @classmethod
    def _check_max_tokens(cls, value: int) -> int:
        if 0 < value < LEAST_MAX_TOKENS:
            raise ValueError(
                f"a context is {LEAST_MAX_TOKENS} tokens or more; 0 is that of [upsampling]"
            )
        return value


class Settings(_Section):
    """Everything that config.toml can say."""

    box: str
    upsampling: Upsampling
    box_defaults: BoxSettings
    """Laid under every box before it is checked; kept to be shown, and to be checked by its own name."""
    boxes: dict[str, BoxSettings]
    _max_tokens: dict[str, int] = PrivateAttr(default_factory=dict)
    """By box."""

    @field_validator("boxes")
    @classmethod
    def _check_names(cls, value: dict[str, BoxSettings]) -> dict[str, BoxSettings]:
        # They are shown wherever a box is spoken of.
        for name in value:
            if not name.isprintable() or not name.strip():
                raise ValueError(f"a box cannot be named {quoted(name)}")
        return value

    def max_tokens_on(self, box: str) -> int:
        """The context length on a box; `upsampling` has that of the chosen one."""
        here = self.upsampling.max_tokens
        return here if box == self.box else self._max_tokens.get(box, here)

    @property
    def profile(self) -> Profile:
        """The chosen profile."""
        return load_profile(self.upsampling.profile)

    def box_named(self, name: str | None) -> tuple[str, BoxSettings]:
        """The box of that name, or the one chosen by the setting `box`. Raises ConfigError."""
        name = name or self.box
        if name not in self.boxes:
            known = ", ".join(sorted(self.boxes))
            raise ConfigError(
                f"no box is named {name!r}; there are: {known}",
                f"Add it: upsample config set boxes.{name}.host HOST",
            )
        return name, self.boxes[name]


class Origin(StrEnum):
    """The kinds of layers, from weak to strong."""

    SHIPPED = "shipped"
    PROFILE = "profile"
    USER = "your file"
    LOCAL = "./config.toml"
    BOX = "the box"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one source."""

    source: str
    """What a complaint calls it: a path, "UPSAMPLE_BOX", "the command line"."""
    table: Table
    origin: Origin = Origin.USER


def load_settings(command_line: Table | None = None) -> Settings:
    """The settings that hold here and now. Raises ConfigError."""
    return load_layers(command_line)[0]


def load_layers(command_line: Table | None = None) -> tuple[Settings, list[Layer]]:
    """The settings that hold here and now, and the layers that make them, the weakest first.

    Raises ConfigError.
    """
    files = [*_file_layers(user_file()), *_local_layers(LOCAL_FILE.absolute())]
    now = [
        *_environment_layers(os.environ),
        Layer("the command line", command_line or {}, Origin.COMMAND_LINE),
    ]
    shipped = _shipped()
    profile = load_profile(_settle([shipped, *files, *now]).upsampling.profile)
    changes: Table = {"upsampling": dict(profile.upsampling)}
    lasting = [shipped, Layer(f"the profile {profile.name}", changes, Origin.PROFILE), *files]
    layers = [*lasting, *now]
    return _with_contexts(lasting, now, _settle(layers))


def _with_contexts(
    lasting: list[Layer], now: list[Layer], settings: Settings
) -> tuple[Settings, list[Layer]]:
    """A box's own context length lies above what files say for all boxes, and below the moment's wish."""
    own = {name: box.max_tokens for name, box in settings.boxes.items() if box.max_tokens}
    if any(_holds_max_tokens(layer) for layer in now):
        own = {}
    layers = [*lasting, *now]
    everywhere = settings.upsampling.max_tokens
    if settings.box in own:
        changes: Table = {"upsampling": {"max_tokens": own[settings.box]}}
        of_box = Layer(f"boxes.{settings.box}.max_tokens", changes, Origin.BOX)
        layers = [*lasting, of_box, *now]
        settings = _settle(layers)
    settings._max_tokens.update(dict.fromkeys(settings.boxes, everywhere) | own)
    return settings, layers


def _holds_max_tokens(layer: Layer) -> bool:
    upsampling = layer.table.get("upsampling")
    return isinstance(upsampling, dict) and "max_tokens" in upsampling


def _local_layers(path: Path) -> list[Layer]:
    """What ./config.toml says, which may be the folder of somebody else."""
    # In a checkout it is the shipped file itself, and no wish of the user's.
    shipped = _shipped().table
    layers = [
        replace(layer, origin=Origin.LOCAL, table=without_repeats(layer.table, shipped))
        for layer in _file_layers(path)
        if layer.table != shipped
    ]
    for layer in layers:
        for key, what in decisions_not_ours(layer.table):
            raise ConfigError(
                f"{layer.source}: {key} {what}, and is heeded in your own file alone",
                f"If it is yours, move it to {user_file()}.",
            )
    return layers


def shipped_text() -> str:
    """The text of the config.toml that holds every default."""
    packaged = resources.files("backend").joinpath("shipped_config.toml")
    if packaged.is_file():
        return packaged.read_text("utf-8")
    # A checkout has it at its top.
    return Path(__file__).parent.parent.joinpath("config.toml").read_text("utf-8")


def user_file() -> Path:
    """The user's own config.toml, whether it is there or not."""
    return platformdirs.user_config_path("upsample") / "config.toml"


def queued_settings(text: str) -> Upsampling:
    """The [upsampling] that a job was queued under, from the JSON that it was kept as.

    A setting that is younger than the job has its default. Raises ConfigError.
    """
    shipped = _shipped().table["upsampling"]
    assert isinstance(shipped, dict)  # noqa: S101 - our own file
    try:
        return Upsampling.model_validate(shipped | json.loads(text))
    except ValidationError as error:
        raise ConfigError(
            f"the job was queued under settings that hold no more: {first_complaint(error)}",
            "Bring back what is missing, or queue the spec again.",
        ) from None


def check_layers(layers: list[Layer]) -> Settings:
    """What the layers make when laid over the shipped defaults. Raises ConfigError."""
    return _settle([_shipped(), *layers])


@cache
def _shipped() -> Layer:
    return Layer("the shipped config.toml", tomllib.loads(shipped_text()), Origin.SHIPPED)


def _settle(layers: list[Layer]) -> Settings:
    merged: Table = {}
    settings: Settings | None = None
    for layer in layers:
        if settings is not None and not layer.table:
            continue
        merged = _merge(merged, layer.table)
        try:
            settings = Settings.model_validate(_with_box_defaults(merged))
        except ValidationError as error:
            raise ConfigError(f"{layer.source}: {first_complaint(error)}") from None
    assert settings is not None  # noqa: S101 - there is always the shipped layer
    return settings


def _merge(below: Mapping[str, object], above: Mapping[str, object]) -> Table:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            merged[key] = _merge(under, value)
        else:
            merged[key] = value
    return merged


def _with_box_defaults(merged: Table) -> Table:
    defaults, boxes = merged.get("box_defaults"), merged.get("boxes")
    if not (isinstance(defaults, dict) and isinstance(boxes, dict)):
        return merged
    whole = {
        name: _merge(defaults, box) if isinstance(box, dict) else box for name, box in boxes.items()
    }
    return merged | {"boxes": whole}


def _file_layers(*paths: Path) -> list[Layer]:
    """The files that are there, each as a layer."""
    layers = (_file_layer(path) for path in paths)
    return [layer for layer in layers if layer is not None]


def _file_layer(path: Path) -> Layer | None:
    try:
        return Layer(str(path), tomllib.loads(read_regular(path, _MOST_BYTES).decode()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ValueError as error:  # such as a number of more digits than Python reads
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None


def _environment_layers(environment: Mapping[str, str]) -> list[Layer]:
    layers = []
    for name, value in sorted(environment.items()):
        if not name.startswith(_ENVIRONMENT):
            continue
        key = name.removeprefix(_ENVIRONMENT).lower()
        if key == "box":
            layers.append(Layer(name, {"box": value}, Origin.ENVIRONMENT))
        elif key in Upsampling.model_fields:
            table: Table = {"upsampling": {key: value}}
            layers.append(Layer(name, table, Origin.ENVIRONMENT))
        else:
            raise ConfigError(
                f"{name} in the environment names no setting",
                "Unset it; the names are UPSAMPLE_BOX and UPSAMPLE_ with a key of [upsampling].",
            )
    return layers


def _no_input_error(parse: Callable[[str], object], value: str) -> object:
    """pydantic reports ValueErrors, and passes others through."""
    try:
        return parse(value)
    except InputError as error:
        raise ValueError(error.problem) from None
