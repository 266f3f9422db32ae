"""The settings of one box as checked types: how it is reached, and what answers there."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator

from backend.config.config_table import LEAST_MAX_TOKENS, MOST_MAX_TOKENS, ConfigTable

_SERVER_ADDRESS = re.compile(r"https?://[^/\s]")
_RAY_ADDRESS = re.compile(r"[\w.\-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}")
_NO_HOST = re.compile(r"""[\s\x00-\x1f\x7f$`'"\\;&|<>(){}*?!#]""")


class EngineName(StrEnum):
    """The engines that can answer on a box."""

    VLLM = "vllm"
    OPENAI = "openai"
    SKETCH = "sketch"
    LLAMA = "llama"
    RAY = "ray"


class Vllm(ConfigTable):
    """[boxes.NAME.vllm]: how vLLM is started on the box."""

    command: list[str] = Field(min_length=1)
    tensor_parallel_size: int = Field(ge=1)
    data_parallel_size: int = Field(ge=0)
    gpu_memory_utilization: float = Field(gt=0, le=1)
    max_num_seqs: int = Field(ge=1)
    cuda_visible_devices: str
    env: dict[str, str]


class OpenAI(ConfigTable):
    """[boxes.NAME.openai]: a model server that the user runs, and how to reach it from the box."""

    base_url: str
    api_key_env: str
    ca_file: str
    slots: int = Field(ge=1)
    price_in: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    price_out: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    spend_limit: float = Field(ge=0, le=1e9, allow_inf_nan=False)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        if value and not _SERVER_ADDRESS.match(value):
            raise ValueError("the address of a server is like http://127.0.0.1:8000/v1")
        return value

    @field_validator("spend_limit")
    @classmethod
    def _check_limit(cls, value: float, info: ValidationInfo) -> float:
        if value and not (info.data.get("price_in") or info.data.get("price_out")):
            raise ValueError("a limit needs price_in or price_out, or nothing has a cost")
        return value


class Llama(ConfigTable):
    """[boxes.NAME.llama]: how llama.cpp's server is started on the box."""

    python: str
    mmproj: str
    slots: int = Field(ge=1, le=256)
    context: int = Field(ge=0, le=MOST_MAX_TOKENS)


class Ray(ConfigTable):
    """[boxes.NAME.ray]: a Ray cluster, on whose nodes replicas of another engine answer."""

    address: str
    replicas: int = Field(ge=0, le=1024)
    replica: EngineName
    python: str = Field(min_length=1)

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if value not in ("", "auto") and not _RAY_ADDRESS.fullmatch(value):
            raise ValueError('an address is "auto", HOST:PORT as in "head:6379", or ""')
        return value

    @field_validator("replica")
    @classmethod
    def _check_replica(cls, value: EngineName) -> EngineName:
        if value in (EngineName.RAY, EngineName.LLAMA):
            raise ValueError(f"a replica cannot be {value}: use vllm, openai or sketch")
        return value


class BoxSettings(ConfigTable):
    """[boxes.NAME]: one box. Keys that it does not set are filled in from [box_defaults]."""

    host: str
    root: str = Field(min_length=1)
    engine: EngineName
    model: str
    max_tokens: int = Field(ge=0, le=MOST_MAX_TOKENS)
    idle_timeout: float = Field(gt=0, allow_inf_nan=False)
    keep_days: float = Field(ge=0, allow_inf_nan=False)
    first_token_timeout: float = Field(gt=0, allow_inf_nan=False)
    next_token_timeout: float = Field(gt=0, allow_inf_nan=False)
    vllm: Vllm
    openai: OpenAI
    llama: Llama
    ray: Ray

    @property
    def answering(self) -> EngineName:
        """The engine that answers: that of the replicas, or the box's own."""
        return self.ray.replica if self.engine is EngineName.RAY else self.engine

    @property
    def sees(self) -> bool:
        """Whether a model gets the frames as pictures."""
        if self.engine is EngineName.LLAMA:
            return bool(self.llama.mmproj)
        return self.answering is not EngineName.SKETCH

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        # The name may become part of a ProxyCommand. No host name contains these characters.
        if value.startswith("-") or _NO_HOST.search(value):
            if value.startswith("ssh "):
                raise ValueError(
                    "write the host alone, as in ada@gpu:2222; `upsample box add` takes the line"
                )
            raise ValueError(
                "that is no name, address, user@host, user@host:port or Host of ~/.ssh/config"
            )
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
        # SFTP does not expand "~", and we do not write into another user's home ("~ada").
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
