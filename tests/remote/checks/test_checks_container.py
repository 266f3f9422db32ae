"""What a `docker run` line would start."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote.checks.container import find_container

_TEXT = (
    "docker run --rm -it --gpus all --ipc=host -v /data/models:/models:ro -v cache:/root/.cache "
    "--mount type=bind,source=/data/hf,target=/hf -e HF_HOME=/hf -p 8000:8000 "
    "vllm/vllm-openai:v0.8.5 --max-model-len 4096"
)
_LINE = _TEXT.split()


def test_the_image_is_what_follows_the_options() -> None:
    container = find_container(_LINE)
    assert container is not None
    assert container.image == "vllm/vllm-openai:v0.8.5"
    assert container.arguments == ("--max-model-len", "4096")


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("/models/Cosmos", Path("/data/models/Cosmos")),
        ("/hf/hub", Path("/data/hf/hub")),
        ("/root/.cache/huggingface", None),  # a volume with a name
        ("/elsewhere", None),
    ],
)
def test_a_path_inside_is_found_outside_where_it_is_mounted(
    inside: str, outside: Path | None
) -> None:
    container = find_container(_LINE)
    assert container is not None
    assert container.path_on_box(inside) == outside


@pytest.mark.parametrize("line", ["vllm serve", "docker", "docker exec x", "docker run -v"])
def test_other_commands_are_no_container(line: str) -> None:
    assert find_container(line.split()) is None
