"""What may answer on a new box."""

from __future__ import annotations

import json

import pytest

from backend.commands.box_choices import WayToAnswer, choices_from, read_choice
from backend.errors import InputError
from remote.protocol import Offer, OfferKind

_OFFERS = (
    Offer(OfferKind.GPU, "NVIDIA H100 80GB HBM3", "79.5 GiB of 80.0 GiB free"),
    Offer(OfferKind.MODEL, "/models/Cosmos", "24.0 GiB, sees pictures"),
    Offer(OfferKind.RAY, "10.0.0.1:6379", program="/home/me/ray/bin/python"),
    Offer(OfferKind.IMAGE, "vllm/vllm-openai:v0.9.2", program="docker"),
    Offer(OfferKind.VLLM, "/opt/vllm/bin/vllm", "0.11.0"),
    Offer(OfferKind.VLLM, "vllm", "0.32.0"),
    Offer(OfferKind.SERVER, "http://127.0.0.1:8000/v1", models=("m",)),
    Offer(OfferKind.SERVER, "http://127.0.0.1:8080/v1", models=("a", "b")),
)
_BY_RAY = {
    "ray.address": "auto",
    "ray.python": "/home/me/ray/bin/python",
    "vllm.command": ["/opt/vllm/bin/vllm", "serve"],
}


def _settings(choice: WayToAnswer) -> dict[str, object]:
    return {key: json.loads(value) for key, value in choice.settings.items()}


def test_servers_that_run_come_first_and_sketch_last() -> None:
    choices = choices_from(_OFFERS)
    assert [choice.engine for choice in choices] == ["openai"] * 2 + ["ray"] + ["vllm"] * 3 + [
        "sketch"
    ]
    assert [choice.asks_for_model for choice in choices] == [False, *[True] * 5, False]
    assert [_settings(choice) for choice in choices] == [
        {"openai.base_url": "http://127.0.0.1:8000/v1"},
        {"openai.base_url": "http://127.0.0.1:8080/v1"},
        _BY_RAY,
        {"vllm.command": ["/opt/vllm/bin/vllm", "serve"]},
        {},
        {"vllm.command": ["docker", "run", "--gpus", "all", "vllm/vllm-openai:v0.9.2"]},
        {},
    ]
    assert choices[2].models == ("/models/Cosmos",)
    assert [choice.engine for choice in choices_from(())] == ["sketch"]


@pytest.mark.parametrize(
    ("typed", "engine", "settings"),
    [
        ("openai", "openai", {"openai.base_url": "http://127.0.0.1:8000/v1"}),
        ("sketch", "sketch", {}),
        ("ray", "ray", _BY_RAY),
        ("10.0.0.1:6379", "ray", _BY_RAY),
        ("https://llm.lab/v1", "openai", {"openai.base_url": "https://llm.lab/v1"}),
        ("~/v/bin/vllm", "vllm", {"vllm.command": ["~/v/bin/vllm", "serve"]}),
        (
            "podman run --gpus all 'my vllm:1'",
            "vllm",
            {"vllm.command": ["podman", "run", "--gpus", "all", "my vllm:1"]},
        ),
    ],
)
def test_a_user_may_describe_what_is_not_offered(
    typed: str, engine: str, settings: dict[str, object]
) -> None:
    choice = read_choice(typed, choices_from(_OFFERS))
    assert (choice.engine, _settings(choice)) == (engine, settings)


def test_of_several_rays_on_one_machine_each_is_named_by_its_address() -> None:
    other = Offer(OfferKind.RAY, "10.0.0.1:6400")
    choices = choices_from((*_OFFERS, other))
    assert _settings(read_choice("10.0.0.1:6400", choices))["ray.address"] == "10.0.0.1:6400"
    assert _settings(read_choice("ray", choices))["ray.address"] == "10.0.0.1:6379"


def test_without_a_ray_that_runs_the_box_starts_one_of_its_own() -> None:
    choice = read_choice("ray", choices_from(_OFFERS[1:2]))
    assert (choice.engine, choice.settings) == ("ray", {})
    assert choice.asks_for_model


@pytest.mark.parametrize("typed", ["vlm", "9", "'", "docker"])
def test_what_describes_nothing_is_refused_with_the_forms_that_work(typed: str) -> None:
    with pytest.raises(InputError):
        read_choice(typed, choices_from(_OFFERS))
