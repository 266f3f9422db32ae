"""A job's request and answer, and the setup of the box that runs it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

ENGINE_ATTEMPTS = 2
"""Attempts at a job in which the engine may fail; after the last one the job fails."""
MOST_FALLS = 3
"""Attempts that may end by a crash of the daemon; after that the job counts as the cause and fails."""
MOST_LOSSES = 5
"""How often a job may wait again because the replica that was to answer it has gone. At the next loss the job
counts as the cause and fails, so that a request that kills replicas does not end all of them."""


_LATER = {"engine": "", "schema": ""}
"""The fields of a request that came after the first version, and their defaults."""


@dataclass(frozen=True)
class FrameInfo:
    """One still picture, or one clip, that the model looks at, without its pixels."""

    sha256: str
    """The hash of the picture's file, as 64 hex digits: of the PNG that was drawn, or of a JPEG, whose pixels
    are others. Of a clip, the hash of the MP4."""
    width: int
    height: int
    time: float
    """Seconds from the start of the video; 0 for an image. Of a clip, the time of its first frame."""
    webp: str = ""
    """The hash of a WebP file of the PNG's very pixels that is sent in its place; empty for the picture's own
    file. The job's id does not depend on it. From protocol 7 on."""
    times: tuple[float, ...] = ()
    """The times of the frames that a clip is made of; empty for a still picture. From protocol 8 on."""

    def __post_init__(self) -> None:
        # 0 and 0.0 are equal, but their JSON differs, and so would the job's id, which is its hash.
        object.__setattr__(self, "time", float(self.time))
        object.__setattr__(self, "times", tuple(map(float, self.times)))

    @property
    def file(self) -> str:
        """The hash of the file that is sent."""
        return self.webp or self.sha256


_SAMPLING_SINCE_6 = ("top_p", "top_k", "min_p", "presence_penalty", "repetition_penalty")
_FRACTIONS = ("top_p", "min_p", "presence_penalty", "repetition_penalty")


@dataclass(frozen=True)
class Sampling:
    """The sampling parameters of an answer."""

    temperature: float
    max_tokens: int
    """The number of tokens that the answer may have; it is cut off there."""
    seed: int
    top_p: float | None = None
    """The likeliest tokens whose probabilities add up to this are drawn from. None leaves this parameter, and
    each of those that follow, to the model server; they are sent from protocol 6 on."""
    top_k: int | None = None
    """So many of the likeliest tokens are drawn from."""
    min_p: float | None = None
    """Tokens are drawn from that are at least this share as likely as the likeliest."""
    presence_penalty: float | None = None
    """What a token loses for having been written before."""
    repetition_penalty: float | None = None
    """What the likelihood of a token is divided by that was written or read before."""

    def __post_init__(self) -> None:
        # As in FrameInfo: one number has one JSON.
        for name in ("temperature", *_FRACTIONS):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, float(value))


@dataclass(frozen=True)
class Request:
    """All inputs that an answer depends on; two equal requests are the same job."""

    profile: str
    model: str
    """The model as the box's config names it; empty for an engine that needs none."""
    system: str
    """System prompt; empty for none."""
    prompt: str
    frames: tuple[FrameInfo, ...]
    sampling: Sampling
    candidate: int = 0
    """The number of this answer among several answers to the same prompt, from 0."""
    engine: str = ""
    """What is to answer, as the box told it (`Welcome.serves`). Empty for a box that does not tell."""
    schema: str = ""
    """The JSON schema that the answer follows where the model server can hold to one, as JSON; empty for an
    answer in free text. From protocol 6 on."""

    @property
    def least_protocol(self) -> int:
        """The oldest protocol in which this request can be sent."""
        if any(frame.times for frame in self.frames):
            return 8
        values = asdict(self.sampling)
        is_new = any(values[name] is not None for name in values if name in _SAMPLING_SINCE_6)
        return 6 if is_new or self.schema else 1

    def job_id(self) -> str:
        """SHA-256 over the canonical JSON of the fields, as 64 hex digits.

        A field that came after the first version is left out at its default, so that a request that does not
        use it keeps its id. How a picture's pixels are packed makes no other request.
        """
        values = asdict(self)
        values = {
            name: it for name, it in values.items() if name not in _LATER or it != _LATER[name]
        }
        for frame in values["frames"]:
            del frame["webp"]
            if not frame["times"]:
                del frame["times"]
        values["sampling"] = {name: it for name, it in values["sampling"].items() if it is not None}
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """The engine's answer to a request."""

    text: str
    finish_reason: str
    """"stop", or "length" when the answer was cut off at max_tokens."""
    engine: str
    """Engine and version: "sketch 1", "vllm 0.32.0"."""
    prompt_tokens: int | None
    """Tokens of the request by the engine's count, images included; None when it does not count."""
    completion_tokens: int | None
    runner: str
    """First 12 hex digits of the SHA-256 of the runner that did the work."""
    notice: str
    """A sentence of the engine about how the text was written; empty for a language model."""
    attempt: int
    """1 when the first attempt succeeded."""
    started: float
    """Unix time by the clock of the box; so is `ended`."""
    ended: float
    cost: float | None = None
    """What the server bills for it by the prices of the box's settings, with the attempts before it that the
    server told the tokens of; None where there are no prices, or no tokens are told."""


@dataclass(frozen=True)
class VllmSetup:
    """The settings with which vLLM is started on the box."""

    command: tuple[str, ...]
    """The beginning of the command line. Its own flags take precedence over those that are added."""
    format: str
    """"mistral" for a model in Mistral's own files, "auto" for one in Hugging Face's. "mistral-or-auto" and
    "auto-or-mistral" leave it to the box: it takes the first of which the model's folder has the files."""
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
    """The GPUs that vLLM may use; empty for all."""
    env: tuple[str, ...] = ()
    """Additional environment variables, as NAME=value."""
    data_parallel_size: int = 1
    """Engines behind the one server, each with the whole model on `tensor_parallel_size` GPUs of its own, and
    each of which answers `max_num_seqs` requests at once. 0: as many as the GPUs allow."""
    videos: int = 0
    """Most clips a request may have; 0 leaves it to vLLM."""


@dataclass(frozen=True)
class OpenAISetup:
    """A server that runs already and speaks OpenAI's API."""

    base_url: str
    """The server's address from the box: "http://127.0.0.1:8000/v1"."""
    api_key_env: str
    """The environment variable of the box that holds the server's key; empty for none."""
    slots: int
    """The number of requests that are sent to the server at once."""
    ca_file: str = ""
    """File on the box with authorities that are trusted beside the system's; empty for none."""
    price_in: float = 0.0
    price_out: float = 0.0
    """What a million tokens of requests and of answers cost, in whatever currency; 0 for nothing."""
    spend_limit: float = 0.0
    """The most that may be spent in 24 hours before no further job starts; 0 for no limit."""

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        for name in ("price_in", "price_out", "spend_limit"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True)
class RaySetup:
    """A Ray cluster, on whose nodes replicas of another engine answer."""

    address: str
    """"auto" for the Ray that runs on the box's machine, "host:6379" for the one with this head, or empty
    for a Ray that is started on the box's machine, and ended."""
    replicas: int
    """The number of replicas; 0 for as many as the cluster has GPUs for, and one a node without a model."""
    replica: str
    """The engine of each replica: "vllm", "openai" or "sketch"."""
    python: str
    """The Python of the box that has Ray."""


@dataclass(frozen=True)
class LlamaSetup:
    """The settings with which llama.cpp's server is started on the box."""

    python: str
    """The Python of the box that has xllamacpp; empty for the one that runs the runner."""
    mmproj: str
    """The GGUF file by which the model sees pictures; empty for a model that reads text alone."""
    slots: int
    """Requests answered at once."""
    context: int
    """Tokens of the context of each."""


@dataclass(frozen=True)
class Patience:
    """How long a model server may send nothing before it counts as hung."""

    first_token: float
    """Seconds until an answer begins."""
    next_token: float
    """Seconds from one piece of the answer to the next."""

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        object.__setattr__(self, "first_token", float(self.first_token))
        object.__setattr__(self, "next_token", float(self.next_token))


@dataclass(frozen=True)
class Setup:
    """The settings of a box. A daemon gets them when it starts and keeps them until it ends."""

    root: str
    """Folder on the box for runner, journal and logs; may begin with ~."""
    engine: str
    model: str
    idle_timeout: float
    """Seconds without work until the engine frees the GPU, and, if no app is attached, until the daemon
    ends."""
    vllm: VllmSetup | None = None
    """For the engine "vllm"."""
    openai: OpenAISetup | None = None
    """For the engine "openai"."""
    patience: Patience | None = None
    """For the engines with a model server; None for the engine's own defaults."""
    keep_days: float = 0.0
    """Days for which the box keeps a job that has ended; 0 keeps it for ever."""
    ray: RaySetup | None = None
    """For the engine "ray". Its replicas have their settings in `vllm` or `openai`."""
    llama: LlamaSetup | None = None
    """For the engine "llama"."""

    @property
    def answering(self) -> str:
        """The engine that answers: that of the replicas, or the box's own."""
        return self.engine if self.ray is None else self.ray.replica

    def __post_init__(self) -> None:
        # As in FrameInfo: the fingerprint must be the same on both sides of the wire.
        object.__setattr__(self, "idle_timeout", float(self.idle_timeout))
        object.__setattr__(self, "keep_days", float(self.keep_days))

    def fingerprint(self) -> str:
        """Twelve hex digits: a hash of all settings but `keep_days`. With another one the daemon is
        replaced.
        """
        settings = asdict(self)
        # A new number of days is no reason to end a daemon; the next daemon will use it.
        del settings["keep_days"]
        # A setting that came later is left out at its default, so that a new version ends no daemon.
        if self.vllm is not None:
            for name, default in (("data_parallel_size", 1), ("videos", 0)):
                if settings["vllm"][name] == default:
                    del settings["vllm"][name]
        # They came after the first version: a setup without one keeps its fingerprint.
        for later in ("ray", "llama"):
            if settings[later] is None:
                del settings[later]
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]
