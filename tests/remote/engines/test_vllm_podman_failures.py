"""What the engine makes of podman's own words when a container does not start."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.troubles import translate
from remote.engines import EngineAway
from tests.remote.engines.openai_asking import pieces_of
from tests.remote.engines.podman_bench import IMAGE, PodmanBench, by_either_name
from tests.remote.engines.vllm_bench import ANSWER, away_of, closing
from tests.support.sshd import free_port

pytestmark = [
    pytest.mark.containers,
    pytest.mark.xdist_group("containers"),
    pytest.mark.timeout(300),
]

_NOWHERE = "vllm/vllm-openai:v0.99"
_NOBODY = 65534


async def refusal_of(contained: PodmanBench, *words: str) -> EngineAway:
    """How a start with this line fails. It leaves no container, and nothing that holds up the next start."""
    contained.setup = replace(contained.setup, command=(contained.program, *words))
    async with closing(contained.engine()) as made:
        away = await away_of(made)
    assert contained.containers == set()
    assert not (contained.place.state / "vllm.json").exists()
    return away


class _Refusing(BaseHTTPRequestHandler):
    """A registry that has no image."""

    def do_GET(self) -> None:
        repository = self.path.removeprefix("/v2/").partition("/")[0]
        status, code = {
            "": (200, ""),
            "private": (401, "UNAUTHORIZED"),
            "busy": (429, "TOOMANYREQUESTS"),
        }.get(repository, (404, "MANIFEST_UNKNOWN"))
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.fixture
def registry(contained: PodmanBench) -> Iterator[str]:
    """The address of a registry, which podman asks without TLS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        settings = contained.podman.folder / "registries.conf"
        before = settings.read_text()
        settings.write_text(f'{before}\n[[registry]]\nlocation = "{address}"\ninsecure = true\n')
        yield address
        settings.write_text(before)
        server.shutdown()


@by_either_name
async def test_an_image_that_is_nowhere_is_a_verdict_and_explained(
    contained: PodmanBench, registry: str
) -> None:
    for words, trouble in (
        ((_NOWHERE,), "image-without-registry"),
        (("--pull", "never", _NOWHERE), "docker-image-missing"),
        ((f"{registry}/public/vllm:v0.99",), "docker-image-missing"),
        ((f"{registry}/private/vllm:v0.99",), "docker-image-missing"),
    ):
        away = await refusal_of(contained, "run", *words)
        assert away.for_good, away
        assert _trouble_of(away) == trouble, away


async def test_a_registry_that_is_not_reached_may_be_reached_later(contained: PodmanBench) -> None:
    away = await refusal_of(contained, "run", f"127.0.0.1:{free_port()}/vllm/vllm-openai:v0.99")
    assert not away.for_good
    assert "connection refused" in str(away).splitlines()[0]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (["run", "--entrypoint", "vllm", IMAGE], "container-program-missing"),
        (["run", "--entrypoint", "/opt/vllm/bin/vllm", IMAGE], "container-program-missing"),
        (["run", "--device", "nvidia.com/gpu=0", IMAGE], "podman-no-gpu"),
        (["run", "--runtime", "nvidia", IMAGE], "podman-no-gpu"),
        (["run", "--gups", "all", IMAGE], ""),
        (["run", "Vllm/Vllm:v0.99"], ""),
    ],
)
async def test_a_line_that_can_never_work_is_a_verdict(
    contained: PodmanBench, words: list[str], trouble: str
) -> None:
    away = await refusal_of(contained, *words)
    assert away.for_good, away
    assert _trouble_of(away) == trouble, away


async def test_a_port_of_the_line_that_is_taken_may_be_free_later(contained: PodmanBench) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as other:
        taken = f"127.0.0.1:{other.server_port}:8000"
        away = await refusal_of(contained, "run", "-p", taken, IMAGE)
    assert not away.for_good
    assert _trouble_of(away) == "port-in-use"


async def test_a_name_of_the_line_that_is_taken_is_not_used(contained: PodmanBench) -> None:
    contained.podman.run("create", "--name", "taken", IMAGE)
    contained.use("--name", "taken")
    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER
    assert contained.containers == {"taken"}


@by_either_name
async def test_a_socket_that_may_not_be_used_is_a_verdict_and_holds_nothing_up_once_it_may(
    contained: PodmanBench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    works = contained.setup
    with _closed_socket(tmp_path) as address:
        wrapper = _as_nobody(contained.program, tmp_path)
        contained.setup = replace(
            works, command=(wrapper, "--remote", "--url", address, "run", IMAGE)
        )
        async with closing(contained.engine()) as made:
            away = await away_of(made)
        assert away.for_good
        assert "permission denied" in str(away).splitlines()[0]
        assert _trouble_of(away) == "podman-socket"
        again = await _away_of_another(contained)
        assert str(again) == str(away)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == [str(away), str(again)]

    contained.setup = works
    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER


async def test_a_service_that_does_not_run_may_be_started_and_holds_nothing_up_then(
    contained: PodmanBench, tmp_path: Path
) -> None:
    works = contained.setup
    address = f"unix://{tmp_path}/nobody.sock"
    away = await refusal_of(contained, "--remote", "--url", address, "run", IMAGE)
    assert not away.for_good
    assert _trouble_of(away) == "podman-socket"
    await refusal_of(contained, "--log-level", "loud", "run", IMAGE)  # its `rm` fails just as well
    contained.setup = works
    async with closing(contained.engine()) as made:
        assert await pieces_of(made) == ANSWER


async def _away_of_another(contained: PodmanBench) -> EngineAway:
    async with closing(contained.engine()) as made:
        return await away_of(made)


@contextlib.contextmanager
def _closed_socket(folder: Path) -> Iterator[str]:
    """A socket that only root may use."""
    with socket.socket(socket.AF_UNIX) as listening:
        file = folder / "podman.sock"
        listening.bind(str(file))
        file.chmod(0o600)
        listening.listen()
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == os.getuid() and parent.name.startswith(
                ("test_", "pytest-", "popen-")
            ):
                parent.chmod(parent.stat().st_mode | 0o011)
        yield f"unix://{file}"


def _as_nobody(program: str, folder: Path) -> str:
    """A program of the same name that calls it as a user who may do nothing here."""
    home = folder / "nobody"
    home.mkdir()
    os.chown(home, _NOBODY, -1)
    wrapper = folder / "bin" / Path(program).name
    wrapper.parent.mkdir()
    wrapper.write_text(
        f"#!/bin/sh\nunset CONTAINERS_CONF CONTAINERS_STORAGE_CONF CONTAINERS_REGISTRIES_CONF\n"
        f"export HOME={home} XDG_RUNTIME_DIR={home}\n"
        f'exec setpriv --reuid={_NOBODY} --clear-groups {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    return str(wrapper)


def _trouble_of(away: EngineAway) -> str:
    """The known trouble by which a user is told what to do; empty when there is none."""
    found = translate(str(away))
    return found.id if found else ""
