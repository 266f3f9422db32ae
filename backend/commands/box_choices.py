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

    @property
    def is_server(self) -> bool:
        """Whether a server that runs already answers."""
        return self.engine is EngineName.OPENAI

    @property
    def asks_for_model(self) -> bool:
        """Whether the box needs to be told its model. A server that has one model needs no name."""
        if self.engine is EngineName.VLLM:
            return True
        return self.is_server and len(self.models) > 1


def choices_from(offers: Sequence[Offer]) -> list[WayToAnswer]:
    """Return the choices, the likeliest first: servers that run, vLLM, images, and the engine sketch."""
    models = tuple(offer.value for offer in offers if offer.kind == OfferKind.MODEL)
    return [
        *(_server(offer.value, offer.models) for offer in _of(offers, OfferKind.SERVER)),
        *(_vllm(offer, models) for offer in _of(offers, OfferKind.VLLM)),
        *(
            _container([offer.detail, "run", "--gpus", "all", offer.value], models)
            for offer in _of(offers, OfferKind.IMAGE)
        ),
        WayToAnswer(_TRYING, EngineName.SKETCH),
    ]


def read_choice(typed: str, choices: Sequence[WayToAnswer]) -> WayToAnswer:
    """Return the choice with this label or engine, or the one that the user describes. Raises InputError.

    A user may give the URL of a server, the path of a vllm, or a `docker run` line.
    """
    for choice in choices:
        if typed in (choice.label, choice.engine):
            return choice
    models = next((choice.models for choice in choices if not choice.is_server), ())
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
