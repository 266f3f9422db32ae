"""What may answer on a new box: choices from what was found there, and from what a user types."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.config import EngineName
from backend.errors import InputError
from remote.protocol import Offer, OfferKind

_TRYING = "nothing yet: the engine sketch, which writes text from measurements, without a model"
_ON_PATH = "vllm"


@dataclass(frozen=True, slots=True)
class WayToAnswer:
    """One way to answer."""

    label: str
    engine: EngineName
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings of the box, as TOML: "openai.base_url"."""
    models: tuple[str, ...] = ()
    """The models to choose from."""
    address: str = ""
    """The address of a Ray cluster that runs."""

    @property
    def is_server(self) -> bool:
        """Whether a server that runs already answers."""
        return self.engine is EngineName.OPENAI

    @property
    def asks_for_model(self) -> bool:
        """Whether the box needs to be told its model. A server that has one model needs no name."""
        if self.engine in (EngineName.VLLM, EngineName.RAY):
            return True
        return self.is_server and len(self.models) > 1


def choices_from(offers: Sequence[Offer]) -> list[WayToAnswer]:
    """Return the choices, the likeliest first: servers that run, Ray, vLLM, images, and the engine sketch."""
    models = tuple(offer.value for offer in offers if offer.kind == OfferKind.MODEL)
    by_vllm = [_vllm(offer, models) for offer in _of(offers, OfferKind.VLLM)]
    command = by_vllm[0].settings if by_vllm else {}
    clusters = _of(offers, OfferKind.RAY)
    return [
        *(_server(offer.value, offer.models) for offer in _of(offers, OfferKind.SERVER)),
        *(_ray(offer, command, models, is_only=len(clusters) == 1) for offer in clusters),
        *by_vllm,
        *(
            _container([offer.program, "run", "--gpus", "all", offer.value], models)
            for offer in _of(offers, OfferKind.IMAGE)
        ),
        WayToAnswer(_TRYING, EngineName.SKETCH),
    ]


def read_choice(typed: str, choices: Sequence[WayToAnswer]) -> WayToAnswer:
    """Return the choice with this label or engine, or the one that the user describes. Raises InputError.

    A user may give the URL of a server, the address of a Ray that was found, the path of a vllm, or a
    `docker run` line.
    """
    for choice in choices:
        if typed in (choice.label, choice.engine, choice.address):
            return choice
    models = next((choice.models for choice in choices if not choice.is_server), ())
    if typed == EngineName.RAY:
        return WayToAnswer("a Ray of its own", EngineName.RAY, models=models)
    if typed.startswith(("http://", "https://")):
        return _server(typed, ())
    try:
        words = shlex.split(typed)
    except ValueError as error:
        raise InputError(f"that is no command: {error}") from error
    if "run" in words[:4]:
        return _container(words, models)
    if len(words) == 1 and words[0].startswith(("/", "~")):
        return _vllm(Offer(OfferKind.VLLM, words[0]), models)
    raise InputError(
        f"{typed!r} is none of these",
        "Type a number, http://…/v1 for a server, /…/bin/vllm, or a whole `docker run` line.",
    )


def _of(offers: Iterable[Offer], kind: str) -> list[Offer]:
    return [offer for offer in offers if offer.kind == kind]


def _server(url: str, models: tuple[str, ...]) -> WayToAnswer:
    names = f", which has {', '.join(models)}" if models else ""
    label = f"the server at {url}{names}"
    return WayToAnswer(label, EngineName.OPENAI, {"openai.base_url": json.dumps(url)}, models)


def _ray(
    offer: Offer, command: Mapping[str, str], models: tuple[str, ...], *, is_only: bool
) -> WayToAnswer:
    """Join a Ray that runs there, with the Python that it runs by, and start vLLM as it lies on the box."""
    size = f" ({offer.detail})" if offer.detail else ""
    label = f"vLLM on each node of the Ray cluster {offer.value}{size}, started by upsample"
    settings = {"ray.address": json.dumps("auto" if is_only else offer.value), **command}
    if offer.program:
        settings["ray.python"] = json.dumps(offer.program)
    return WayToAnswer(label, EngineName.RAY, settings, models, offer.value)


def _vllm(offer: Offer, models: tuple[str, ...]) -> WayToAnswer:
    version = f" {offer.detail}" if offer.detail else ""
    label = f"vLLM{version}, started by upsample: {offer.value}"
    command = (
        {} if offer.value == _ON_PATH else {"vllm.command": json.dumps([offer.value, "serve"])}
    )
    return WayToAnswer(label, EngineName.VLLM, command, models)


def _container(command: list[str], models: tuple[str, ...]) -> WayToAnswer:
    label = f"vLLM in a container, started by upsample: {shlex.join(command)}"
    return WayToAnswer(label, EngineName.VLLM, {"vllm.command": json.dumps(command)}, models)
