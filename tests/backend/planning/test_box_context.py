"""The context length that a model server told is what plans count with, where the user says none."""

from __future__ import annotations

from backend.config import load_settings
from backend.planning.box_context import keep_context, read_context
from backend.planning.box_planner import make_planner
from backend.tokens import TextCounter

REMOTE: dict[str, object] = {
    "boxes": {"gpu": {"host": "gpu", "engine": "openai"}, "other": {"host": "o", "engine": "vllm"}},
    "box": "gpu",
}


def limit(counter: TextCounter, box: str | None = None, **upsampling: object) -> int:
    settings = load_settings({**REMOTE, "upsampling": upsampling})
    return make_planner(settings, counter, box=box).settings.max_tokens


def test_what_the_server_told_counts_until_the_user_says_something(counter: TextCounter) -> None:
    assert limit(counter) == 4096
    keep_context("gpu", 8192)
    keep_context("other", 8192)
    assert limit(counter) == 8192
    assert limit(counter, max_tokens=2048) == 2048
    # Only the engine openai asks a server that it did not start.
    assert limit(counter, "other") == 4096
    keep_context("gpu", 2048)
    assert limit(counter) == 2048


def test_with_auto_it_counts_for_every_format(counter: TextCounter) -> None:
    keep_context("gpu", 8192)
    settings = load_settings({**REMOTE, "upsampling": {"profile": "auto"}})
    planner = make_planner(settings, counter)
    limits = {planner.for_spec(name, None).settings.max_tokens for name in ("cosmos3", "text")}
    assert limits == {8192}


def test_a_damaged_note_counts_as_none() -> None:
    for tokens in (0, 63, 10**12):
        keep_context("gpu", tokens)
        assert read_context("gpu") == 0
