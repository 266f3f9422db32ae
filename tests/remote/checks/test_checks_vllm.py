"""Which vLLM would be started, and which are not known."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from remote.checks.container import ContainerCommand, find_container
from remote.checks.examination import Wrong
from remote.checks.vllm import find_command, find_docker, find_image, find_vllm_version
from tests.support.stand_in_programs import put_docker

IMAGE = "vllm/vllm-openai:v0.8.5"


def _image(version: str) -> list[str]:
    return ["docker", "run", f"vllm/vllm-openai:v{version}"]


def _container(program: Path) -> ContainerCommand:
    container = find_container([str(program), "run", IMAGE])
    assert container is not None
    return container


async def test_a_command_is_found_on_the_path_of_the_box() -> None:
    folder, name = os.path.split(sys.executable)
    assert (await find_command([name], {"PATH": folder})).value == sys.executable
    with pytest.raises(Wrong, match=f"there is no {name}"):
        await find_command([name], {"PATH": "/nonexistent"})


@pytest.mark.parametrize("version", ["0.8.0", "0.8.1", "0.32.0", "0.33.0", "0.33.1"])
async def test_a_known_version_is_fine(version: str) -> None:
    assert (await find_vllm_version(_image(version), os.environ)).remedy == ""


async def test_a_version_that_is_too_old_is_wrong() -> None:
    with pytest.raises(Wrong, match=r"0\.7\.3 is too old; 0\.8 to 0\.33 are known"):
        await find_vllm_version(_image("0.7.3"), os.environ)


async def test_a_version_that_cannot_have_several_engines_is_wrong_for_a_box_with_several() -> None:
    assert (await find_vllm_version(_image("0.9.0"), os.environ, 0)).remedy == ""
    assert (await find_vllm_version(_image("0.9.1"), os.environ, 2)).remedy == ""
    with pytest.raises(Wrong, match=r"vLLM 0\.9\.0 cannot have 2 engines behind one server"):
        await find_vllm_version(_image("0.9.0"), os.environ, 2)


@pytest.mark.parametrize("version", ["0.34.0", "1.0.0"])
async def test_a_version_that_is_newer_than_known_is_a_warning(version: str) -> None:
    assert "may well work" in (await find_vllm_version(_image(version), os.environ)).remedy


async def test_a_version_that_cannot_be_found_out_is_a_warning() -> None:
    found = await find_vllm_version(["docker", "run", "mine:latest"], os.environ)
    assert found.value is None
    assert found.remedy


async def test_docker_and_its_image(tmp_path: Path) -> None:
    container = _container(put_docker(tmp_path, image=IMAGE))
    assert (await find_docker(container, os.environ)).detail.endswith("27.3.1")
    assert (await find_image(container, os.environ)).remedy == ""


async def test_an_image_that_is_not_there_is_a_warning_that_says_how_to_fetch_it(
    tmp_path: Path,
) -> None:
    container = _container(put_docker(tmp_path))
    assert f"pull {IMAGE}" in (await find_image(container, os.environ)).remedy
