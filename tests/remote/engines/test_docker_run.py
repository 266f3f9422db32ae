"""A `docker run` line taken apart as Docker itself would."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remote.engines.vllm.docker_run import (
    WITHOUT_VALUE,
    BadCommandError,
    Option,
    is_container,
    is_podman,
    read_run_line,
)

IMAGE = "vllm/vllm-openai:v0.8.1"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", []),
        ("--gpus all", [("--gpus", "all")]),
        ("--gpus=all --rm", [("--gpus", "all"), ("--rm", None)]),
        ("--rm=false", [("--rm", "false")]),
        ("-v /a:/b:ro -p 1:2", [("--volume", "/a:/b:ro"), ("--publish", "1:2")]),
        ("-it", [("--interactive", None), ("--tty", None)]),
        ("-itv /a:/b", [("--interactive", None), ("--tty", None), ("--volume", "/a:/b")]),
        ("-e=A=1 -eB=2 -e C", [("--env", "A=1"), ("--env", "B=2"), ("--env", "C")]),
        ("-d=false -P", [("--detach", "false"), ("--publish-all", None)]),
        ("--net host", [("--network", "host")]),
        ("--init --read-only", [("--init", None), ("--read-only", None)]),
        ("--entrypoint serve --name run", [("--entrypoint", "serve"), ("--name", "run")]),
        ("--ulimit memlock=-1 --shm-size 8g", [("--ulimit", "memlock=-1"), ("--shm-size", "8g")]),
        ("-m 8g -w /", [("--memory", "8g"), ("--workdir", "/")]),
        ("-u 0:0 -h box", [("--user", "0:0"), ("--hostname", "box")]),
        ("--a-new-option 7", [("--a-new-option", "7")]),
        ("--rm --", [("--rm", None)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", ["", "vllm serve --dtype half -it", "--max-model-len 9"])
def test_the_image_is_the_first_word_that_belongs_to_no_option(
    words: str, options: list[tuple[str, str | None]], inside: str
) -> None:
    line = read_run_line(["docker", "run", *words.split(), IMAGE, *inside.split()])
    assert line.options == tuple(Option(*option) for option in options)
    assert (line.image, line.command) == (IMAGE, tuple(inside.split()))


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ("docker run", ("docker",)),
        ("docker container run", ("docker",)),
        ("/usr/bin/podman --remote run", ("/usr/bin/podman", "--remote")),
        ("docker --context gpu -D run", ("docker", "--context", "gpu", "-D")),
        ("docker --host=ssh://a run", ("docker", "--host=ssh://a")),
    ],
)
def test_options_before_run_are_the_programs(words: str, program: tuple[str, ...]) -> None:
    line = read_run_line([*words.split(), "--rm", IMAGE])
    assert (line.program, line.image) == (program, IMAGE)


@pytest.mark.parametrize(
    "words",
    ["docker", "docker exec it", "docker run", "docker run --rm", "docker run --gpus", "docker run -v"],
)  # fmt: skip
def test_a_line_without_run_or_image_is_refused(words: str) -> None:
    with pytest.raises(BadCommandError):
        read_run_line(words.split())


@pytest.mark.parametrize(
    ("words", "contained"),
    [("docker run x", True), ("/usr/bin/podman run x", True), ("vllm serve", False), ("dockerd", False)],
)  # fmt: skip
def test_a_container_is_known_by_its_program(words: str, contained: bool) -> None:
    assert is_container(words.split()) is contained


def test_docker_itself_says_which_options_stand_alone() -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("there is no docker to ask")
    told = subprocess.run([docker, "run", "--help"], capture_output=True, text=True, check=True)
    options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)( \S+)? ", told.stdout, re.MULTILINE)
    assert len(options) > 80
    alone = {name for name, kind in options if not kind.strip()}
    assert alone <= WITHOUT_VALUE
    assert not {name for name, kind in options if kind.strip()} & WITHOUT_VALUE


def test_podman_is_known_under_the_name_docker(tmp_path: Path) -> None:
    podman = tmp_path / "podman"
    podman.write_text("")
    linked, script, other = (tmp_path / name / "docker" for name in ("linked", "script", "other"))
    for program in (linked, script, other):
        program.parent.mkdir()
    linked.symlink_to(podman)
    script.write_text('#!/bin/sh\nexec /usr/bin/podman "$@"\n')
    other.write_text("\x7fELF podman")
    for program in (podman, script, other):
        program.chmod(0o755)
    for program, is_it in ((podman, True), (linked, True), (script, True), (other, False)):
        assert is_podman(str(program)) is is_it
        assert is_podman(program.name, str(program.parent)) is is_it
    assert not is_podman("docker", "/nowhere")
