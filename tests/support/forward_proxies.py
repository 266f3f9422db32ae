"""A forward proxy of a package (proxy.py), as a company's network has one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

LOGIN = "ada:secret%20word"
"""The user and the password that it wants, as they are written into an address."""


@dataclass(frozen=True)
class RunningProxy:
    """The proxy while it runs."""

    port: int
    _log: Path

    @property
    def address(self) -> str:
        """For HTTPS_PROXY, with the login."""
        return f"http://{LOGIN}@127.0.0.1:{self.port}"

    @property
    def passed(self) -> str:
        """What it has written about the tunnels that have ended."""
        return self._log.read_text() if self._log.exists() else ""


@contextmanager
def forwarding(folder: Path) -> Iterator[RunningProxy]:
    """Run a proxy that wants LOGIN; it keeps its files in the folder."""
    port_file, log = folder / "port", folder / "proxy.log"
    command = [
        sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1",
        "--num-acceptors", "1", "--port-file", str(port_file), "--log-file", str(log), "--log-level", "i",
        "--basic-auth", LOGIN.replace("%20", " "), "--data-dir", str(folder / "data"),
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        env={"HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: port_file.exists() and port_file.read_text().strip().isdigit())
        yield RunningProxy(int(port_file.read_text()), log)
    finally:
        process.terminate()
        process.wait(10)
