"""What a job is: the request, the answer, and how the box that does it is set up."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

ENGINE_ATTEMPTS = 2
"""At a job that the engine fails at; after the last one the job fails."""
MOST_FALLS = 3
"""Attempts that may end with the daemon's death before the job is held to be the cause."""


@dataclass(frozen=True)
class FrameInfo:
    """One still picture that the model looks at, without its pixels."""

    sha256: str
    """Of the PNG file's bytes, as 64 hex digits."""
    width: int
    height: int
    time: float
    """Seconds from the start of the video; 0 for an image."""

    def __post_init__(self) -> None:
        # 0 and 0.0 are equal, but not in the JSON that a job's id is the hash of.
        object.__setattr__(self, "time", float(self.time))


@dataclass(frozen=True)
class Sampling:
    """How the answer is drawn."""

    temperature: float
    max_tokens: int
    """Tokens kept free for the answer; it is cut off there."""
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", float(self.temperature))


@dataclass(frozen=True)
class Request:
    """Everything that decides what the answer can be; two equal requests are the same job."""

    profile: str
    model: str
    """The model as the box's config names it; empty for an engine that needs none."""
    system: str
    """System prompt; empty for none."""
    prompt: str
    frames: tuple[FrameInfo, ...]
    sampling: Sampling
    candidate: int = 0
    """Which of several answers to the same question, from 0."""

    def job_id(self) -> str:
        """SHA-256 over the canonical JSON of every field, as 64 hex digits."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What the engine made of a request."""

    text: str
    finish_reason: str
    """"stop", or "length" when the answer was cut off at max_tokens."""
    engine: str
    """Engine and version: "sketch 1", "vllm 0.32.0"."""
    prompt_tokens: int | None
    """As the engine counted them, images included; None when it does not count."""
    completion_tokens: int | None
    runner: str
    """First 12 hex digits of the SHA-256 of the runner that did the work."""
    notice: str
    """What the engine wants said about how the text was written; empty for a language model."""
    attempt: int
    """1 when the first try succeeded."""
    started: float
    """Unix time of the box."""
    ended: float


@dataclass(frozen=True)
class VllmSetup:
    """How vLLM is started on the box."""

    command: tuple[str, ...]
    """The beginning of the command line; flags that it has are left as they are."""
    format: str
    """"mistral" for a model in Mistral's own files, "auto" for one in Hugging Face's."""
    max_model_len: int
    """Context length in tokens."""
    max_num_seqs: int
    """Requests answered at once."""
    images: int
    """Most images a request may have; 0 leaves it to vLLM."""
    tensor_parallel_size: int
    """GPUs that share the model."""
    gpu_memory_utilization: float
    """Share of the GPU's memory that vLLM may take."""
    cuda_visible_devices: str = ""
    """The GPUs that it may see; empty for all."""
    env: tuple[str, ...] = ()
    """More of its environment, as NAME=value."""


@dataclass(frozen=True)
class OpenAISetup:
    """A server that runs already and speaks OpenAI's API."""

    base_url: str
    """As the box sees it: "http://127.0.0.1:8000/v1"."""
    api_key_env: str
    """The variable of the box's environment that holds its key; empty for none."""
    slots: int
    """Requests that it is given at once."""


@dataclass(frozen=True)
class Patience:
    """How long a model server may say nothing before it counts as hung."""

    first_token: float
    """Seconds until an answer begins."""
    next_token: float
    """Seconds from one piece of it to the next."""

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        object.__setattr__(self, "first_token", float(self.first_token))
        object.__setattr__(self, "next_token", float(self.next_token))


@dataclass(frozen=True)
class Setup:
    """How a box is to be run; a daemon is started with one and keeps it."""

    root: str
    """Folder on the box for runner, journal and logs; may begin with ~."""
    engine: str
    model: str
    idle_timeout: float
    """Seconds without work before the GPU is given back, and without an app, too, before the daemon ends."""
    vllm: VllmSetup | None = None
    """For the engine "vllm"."""
    openai: OpenAISetup | None = None
    """For the engine "openai"."""
    patience: Patience | None = None
    """For the engines that ask a model server; None for the engine's own measure."""
    keep_days: float = 0.0
    """Days for which the box remembers a job that has ended; 0 is for ever."""

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        object.__setattr__(self, "idle_timeout", float(self.idle_timeout))
        object.__setattr__(self, "keep_days", float(self.keep_days))

    def fingerprint(self) -> str:
        """Twelve hex digits that differ when any setting does that an answer or a GPU hangs on."""
        told = asdict(self)
        # No reason to end a daemon: the next one heeds it.
        del told["keep_days"]
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]
