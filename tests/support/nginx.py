"""A real nginx before a model server, with limits that are soon reached."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sshd import BOUND, LOOPBACK, free_port
from tests.support.waiting import wait_until

MOST_BYTES = 2048
"""The largest request that it takes."""
PATIENCE_SECONDS = 5
"""How long it waits for the server before it."""
RETRY_AFTER_SECONDS = 1

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_req_zone $binary_remote_addr zone=chats:1m rate=1r/s;
    server {{
        listen {host}:{port};
        client_max_body_size {most};
        proxy_read_timeout {patience}s;
        proxy_http_version 1.1;
        location / {{
            proxy_pass http://{host}:{behind};
        }}
        location = /v1/chat/completions {{
            limit_req zone=chats;
            limit_req_status 429;
            error_page 429 @busy;
            proxy_pass http://{host}:{behind};
        }}
        location @busy {{
            add_header Retry-After {retry_after} always;
            return 429 '{{"error": {{"message": "slow down"}}}}';
        }}
    }}
}}
"""


def find_nginx() -> str:
    """The program. Without it the test is passed over, but not in CI."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None and os.environ.get("CI"):
        pytest.fail("the CI machine must have nginx, or a proxy's own pages go untested")
    if program is None:
        pytest.skip("nginx is not installed")
    return program


@contextlib.contextmanager
def nginx_before(behind: int, folder: Path) -> Iterator[int]:
    """Proxy the server at this port. Yields the proxy's port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder,
            host=LOOPBACK,
            port=port,
            behind=behind,
            most=MOST_BYTES,
            patience=PATIENCE_SECONDS,
            retry_after=RETRY_AFTER_SECONDS,
        )
    )
    errors = folder / "error.log"
    command: list[str | Path] = [find_nginx(), "-c", config, "-p", folder, "-e", errors]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def listens() -> bool:
        if process.poll() is not None:
            pytest.fail(f"nginx has ended: {errors.read_text()}")
        with socket.socket() as knocking:
            return knocking.connect_ex((LOOPBACK, port)) == 0

    try:
        wait_until(listens)
        yield port
    finally:
        process.kill()
        process.wait(BOUND)
