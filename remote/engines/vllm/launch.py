"""Prepares the start of a vLLM server: its whole command, its environment, and its address."""

from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from remote.engines.http import Server
from remote.engines.vllm.command import expand_home, prepare_command
from remote.engines.vllm.container import (
    Container,
    Needs,
    complete_run_line,
    find_run_line,
    is_on_host_network,
    lists_gpus,
    which_docker,
)
from remote.engines.vllm.data_parallel import count_engines
from remote.engines.vllm.docker_run import RunLine, is_podman
from remote.engines.vllm.flags import (
    Address,
    flag_value,
    has_unix_socket,
    loaded_model,
    serve_command,
)
from remote.engines.vllm.installation import Version
from remote.engines.vllm.model_files import choose_format, find_model_folder
from remote.engines.vllm.run_files import clear_run_files, counters_folder, server_socket
from remote.paths import DaemonPaths
from remote.protocol import VllmSetup

_TORCHRUN = (
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK",
    "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip

_COUNTERS = "PROMETHEUS_MULTIPROC_DIR"
_RAY_WORKER = "RAY_RAYLET_PID"
"""A process has this variable if Ray has started it."""
_OF_RAY = ("OMP_NUM_THREADS", "RAY_")
"""The beginnings of what Ray gives to such a process, for its own work."""

_VARIABLE = re.compile(r"^(--env=[^=]*=).*", re.DOTALL)


@dataclass(frozen=True)
class Launch:
    """Everything that one server is started with."""

    command: tuple[str, ...]
    environment: dict[str, str]
    server: Server
    container: Container | None
    """The server's container, which must be removed by itself; None for a server without one."""
    port: int | None = None
    """The port on which this user or root will listen; None for a Unix socket, and for a container in the
    box's network, which may have another user."""

    @property
    def shown(self) -> str:
        """The command for a log, without the values of environment variables."""
        return " ".join(_VARIABLE.sub(r"\1…", word) for word in self.command)


class Launcher:
    """Makes launches; each has its own key, address and container."""

    def __init__(self, setup: VllmSetup, model: str, paths: DaemonPaths) -> None:
        """Raises BadCommandError for a command that cannot work."""
        self._setup = replace(setup, command=prepare_command(setup.command))
        self._model = model
        self._paths = paths
        self._line = find_run_line(self._setup.command)
        self._socket = server_socket(paths)

    @property
    def command(self) -> tuple[str, ...]:
        """The configured command, ready for the box."""
        return self._setup.command

    def environment(self) -> dict[str, str]:
        """Our environment without the variables of torchrun and of Ray's workers, and with those of the box's
        config.

        For a container it is the environment of Docker's client, not of the server.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _TORCHRUN and not name.startswith("TORCHELASTIC_")
        }
        if _RAY_WORKER in kept:
            kept = {name: it for name, it in kept.items() if not name.startswith(_OF_RAY)}
        if self._setup.cuda_visible_devices:
            kept["CUDA_VISIBLE_DEVICES"] = self._setup.cuda_visible_devices
        if self._line is not None:
            # podman looks there for iptables, and a login by ssh may be without these folders.
            kept["PATH"] = f"{kept.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        return kept | self._given()

    async def count_engines(self, version: Version) -> int:
        """Return how many engines a server of this version gets, as `data_parallel.count_engines`."""
        return await count_engines(self._setup, self._line, version, self.environment())

    def launch(self, version: Version, engines: int = 1) -> Launch:
        """Prepare the start of a server of this version with so many engines. Reads the disk."""
        setup = replace(self._setup, data_parallel_size=engines)
        key = secrets.token_urlsafe(24)
        # These must be set before the process starts: vLLM reads them while it is imported.
        ours = {
            "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
            "VLLM_API_KEY": key,
            "VLLM_NO_USAGE_STATS": "1",
        }
        environment = self.environment() | ours
        if self._line is not None:
            return self._in_container(self._line, setup, version, environment, tuple(ours))
        self.clear()  # vLLM does not replace a stale socket
        if engines > 1 and _COUNTERS not in environment:
            folder = counters_folder(self._paths)
            folder.mkdir(mode=0o700)
            environment[_COUNTERS] = str(folder)
        if not has_unix_socket(version):
            port = _free_port()
            command = self._serve(setup, version, Address(None, port))
            return Launch(command, environment, _on_loopback(port, key), None, port)
        command = self._serve(setup, version, Address(self._socket))
        server = Server("http://vllm", str(self._socket), key)
        return Launch(command, environment, server, None)

    def clear(self) -> None:
        """Remove the files of a server that has ended."""
        clear_run_files(self._paths)

    def _in_container(
        self,
        line: RunLine,
        setup: VllmSetup,
        version: Version,
        environment: dict[str, str],
        ours: tuple[str, ...],
    ) -> Launch:
        port = _free_port()
        # Docker forwards the port to the container's outer address, not to its loopback.
        host = "127.0.0.1" if is_on_host_network(line) else "0.0.0.0"  # noqa: S104
        inside = self._serve(
            replace(setup, command=line.command), version, Address(None, port, host)
        )
        hub = environment.get("HF_HOME") or expand_home("~/.cache/huggingface")
        token = ("HF_TOKEN",) if "HF_TOKEN" in environment else ()
        needs = Needs(
            name=f"upsample-{self._paths.key}-{secrets.token_hex(4)}",
            port=port,
            variables=tuple(dict.fromkeys((*self._given(), *token, *ours))),
            model=expand_home(self._model),
            hub=Path(hub),
            devices=self._setup.cuda_visible_devices,
            is_podman=is_podman(line.program[0], environment.get("PATH")),
            lists_gpus=lists_gpus(),
        )
        return Launch(
            complete_run_line(line, needs, inside),
            environment | {"HF_HOME": hub},
            _on_loopback(port, environment["VLLM_API_KEY"]),
            Container(line.program, needs.name, which_docker(environment)),
            None if is_on_host_network(line) else port,
        )

    def _serve(self, setup: VllmSetup, version: Version, address: Address) -> tuple[str, ...]:
        loaded = loaded_model(setup.command, self._model)
        revision = flag_value(setup.command, "--revision")
        folder = find_model_folder(loaded, revision, self.environment())
        setup = replace(setup, format=choose_format(setup.format, folder))
        return serve_command(setup, expand_home(self._model), version, address, self._model)

    def _given(self) -> dict[str, str]:
        """The environment variables of the box's config."""
        return dict(entry.split("=", 1) for entry in self._setup.env)


def _on_loopback(port: int, key: str) -> Server:
    return Server(f"http://127.0.0.1:{port}", None, key)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
