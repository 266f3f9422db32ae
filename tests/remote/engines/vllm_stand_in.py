"""A stand-in for `vllm serve`: a process with a child, a log like vLLM's, and its HTTP API.

It has no model. It notes how it was started, and does what the file of orders says, so that a test can
have it crash or hang. Run as a script, on nothing but the standard library: it starts in no time.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

FOLDER = "STAND_IN_FOLDER"
"""The variable that names the folder of orders and notes."""
LOG = (
    "INFO 11-22 09:15:08 [cpu_model_runner.py:68] Starting to load model /m...",
    "INFO 11-22 09:15:09 [backends.py:430] Dynamo bytecode transform time: 5.11 s",
    "Loading safetensors checkpoint shards: 100% Completed | 5/5",
    "Capturing CUDA graph shapes: 100%|##########| 35/35",
)

_meeting = threading.Condition()
_met: list[int] = []
_answers = itertools.count()


def main() -> None:
    """Serve until killed."""
    folder = Path(os.environ[FOLDER])
    arguments = sys.argv[1:]
    orders = read_orders(folder)
    child = os.fork()
    if child == 0:
        if not orders.get("meek"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # EngineCore outlives its API server
        while True:
            time.sleep(60)
    note = {
        "pid": os.getpid(),
        "child": child,
        "arguments": arguments,
        "environment": dict(os.environ),
    }
    # Whole at once: whoever looks may look at any moment.
    unseen = folder / f".start-{os.getpid()}"
    unseen.write_text(json.dumps(note))
    unseen.rename(folder / f"start-{time.time_ns()}")
    for line in LOG:
        print(line, flush=True)  # noqa: T201
        time.sleep(orders.get("line_seconds", 0))
    if orders.get("start") == "crash":
        words = orders.get("words", "ERROR torch.OutOfMemoryError: CUDA out of memory.")
        print(words, flush=True)  # noqa: T201
        raise SystemExit(1)
    if orders.get("start") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    parser = argparse.ArgumentParser()
    parser.add_argument("--uds")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    told, _ = parser.parse_known_args(arguments)
    for number in range(orders.get("flood", 0)):
        # A block a write, as a pipe has them; the log of a real one floods no less.
        print(f"INFO flood {number:06d}", flush=number % 100 == 99)  # noqa: T201
        if number % 1000 == 999:
            print(f"ERROR grave {number:06d}", flush=True)  # noqa: T201
    time.sleep(orders.get("start_seconds", 0))
    server: socketserver.BaseServer
    if told.uds:
        server = _UnixServer(told.uds, _Handler)
    else:
        server = ThreadingHTTPServer((told.host, told.port), _Handler)
    server.serve_forever()


def read_orders(folder: Path) -> dict[str, Any]:
    file = folder / "orders"
    return cast("dict[str, Any]", json.loads(file.read_text())) if file.exists() else {}


def end_servers(folder: Path) -> None:
    """Kill the servers, and their children, that noted their start in this folder and still run."""
    for pid in running_servers(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def running_servers(folder: Path) -> list[int]:
    """The processes of servers, and of their children, that noted their start here and still run."""
    notes = [json.loads(file.read_text()) for file in folder.glob("start-*")]
    return [pid for note in notes for pid in (note["pid"], note["child"]) if _is_stand_in(pid)]


def _is_stand_in(pid: int) -> bool:
    """Whether the process is one of ours: its number may have been given out again."""
    try:
        return Path(__file__).name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().handle()  # who asks for /health may hang up at the first line

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self._say(200, "application/json", b"{}")
            return
        orders = read_orders(Path(os.environ[FOLDER]))
        page = orders.get("metrics")
        self._say(404 if page is None else 200, "text/plain", (page or "").encode())

    def do_POST(self) -> None:
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self._say(401, "application/json", b'{"error": "Unauthorized"}')
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        orders = read_orders(Path(os.environ[FOLDER]))
        is_probe = asked["max_tokens"] == 1
        if is_probe and orders.get("probe") == "refuse":
            self._say(400, "application/json", b'{"error": {"message": "no chat template"}}')
            return
        if not is_probe and _is_silent(orders):
            time.sleep(600)  # it goes on answering /health
        self._say(200, "text/event-stream", _chunk({"choices": [{"delta": {"content": "Dusk"}}]}))
        if not is_probe:
            self._obey(orders)
        is_aborted = not is_probe and _starts() <= orders.get("aborting_starts", 0)
        end = {"delta": {"content": "."}, "finish_reason": "abort" if is_aborted else "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 2}
        self.wfile.write(_chunk({"choices": [end], "usage": usage}) + b"data: [DONE]\n\n")

    def _obey(self, orders: dict[str, Any]) -> None:
        _meet(orders.get("together", 0))
        time.sleep(orders.get("request_seconds", 0))
        if orders.get("request") == "hang":
            time.sleep(60)
        if orders.get("request") == "crash":
            print("ERROR EngineCore encountered a fatal error.", flush=True)  # noqa: T201
            os._exit(1)

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        print(f'INFO:     - "{self.command} {self.path}" 200 OK', flush=True)  # noqa: T201


def _meet(count: int) -> None:
    """Return when so many requests have come that wait for one another."""
    with _meeting:
        _met.append(count)
        _meeting.notify_all()
        if not _meeting.wait_for(lambda: len(_met) >= count, 60):
            os._exit(1)  # whoever asked hears that at once


def _is_silent(orders: dict[str, Any]) -> bool:
    """Whether this request is left without an answer: after so many, in so many of the first servers."""
    if _starts() > orders.get("silent_starts", 0):
        return False
    return bool(next(_answers) >= orders.get("silent_after", 0))


def _starts() -> int:
    """How many servers were started, this one included."""
    return len(list(Path(os.environ[FOLDER]).glob("start-*")))


def _chunk(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


if __name__ == "__main__":
    main()
