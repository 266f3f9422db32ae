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
    Offer(OfferKind.IMAGE, "vllm/vllm-openai:v0.9.2", "docker"),
    Offer(OfferKind.VLLM, "/opt/vllm/bin/vllm", "0.11.0"),
    Offer(OfferKind.VLLM, "vllm", "0.32.0"),
    Offer(OfferKind.SERVER, "http://127.0.0.1:8000/v1", models=("m",)),
    Offer(OfferKind.SERVER, "http://127.0.0.1:8080/v1", models=("a", "b")),
)


def _settings(choice: WayToAnswer) -> dict[str, object]:
    return {key: json.loads(value) for key, value in choice.settings.items()}


def test_servers_that_run_come_first_and_sketch_last() -> None:
    choices = choices_from(_OFFERS)
    assert [choice.engine for choice in choices] == ["openai"] * 2 + ["vllm"] * 3 + ["sketch"]
    assert [choice.asks_for_model for choice in choices] == [False, True, True, True, True, False]
    assert [_settings(choice) for choice in choices] == [
        {"openai.base_url": "http://127.0.0.1:8000/v1"},
        {"openai.base_url": "http://127.0.0.1:8080/v1"},
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


@pytest.mark.parametrize("typed", ["vlm", "9", "'", "docker"])
def test_what_describes_nothing_is_refused_with_the_forms_that_work(typed: str) -> None:
    with pytest.raises(InputError):
        read_choice(typed, choices_from(_OFFERS))
