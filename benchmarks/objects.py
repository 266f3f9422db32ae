"""What it costs the user's side that answers are JSON objects, against text of the same length.

    python -m benchmarks.objects [--jobs 1000] [--laps 3]

The same Cosmos 3 specs (text2video) are upsampled over SSH with the shipped profile `cosmos3`, and with one
that sends the same message and takes any text. A stand-in for the model server gives an answer of some 10 kB
at once. A figure is the processor time of the command, from its start to its exit; the ways take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

from backend.config.profiles import load_profile
from backend.console import say
from backend.planning.message import outline
from benchmarks import cpu
from remote.protocol import Json
from tests.support.daemons import end_daemons
from tests.support.laptop import UPSAMPLE, Laptop
from tests.support.specs import write_spec
from tests.support.sshd import LOOPBACK, running_sshd

_MODE = "text2video"
_WAYS = {"objects": "cosmos3", "text": "prose"}
"""The profile of each way."""
_SECONDS = 1800.0
_PIECE = 200
"""Characters that the stand-in sends together."""
_WORDS = "low light over wet stone while the camera glides past windows and slow steam rises "
_PROSE = """\
description = "the message of cosmos3, and any text as its answer"
[template]
system = {system}
empty_prompt = "-"
user = {user}
[sampling]
temperature = 0.7
[vision]
family = "qwen3-vl"
[serving]
format = "auto"
[upsampling]
max_tokens = 32768
reserve = 8192
"""


def write_object(schema: Json) -> str:
    """Return an object of some 10 kB that follows the schema of the profile `cosmos3`."""
    return json.dumps(_value_of(schema, ""))


def _value_of(shape: Json, name: str) -> Json:
    shape = cast("dict[str, Json]", shape)
    properties = shape.get("properties")
    if isinstance(properties, dict):
        return {key: _value_of(inner, key) for key, inner in properties.items()}
    if "items" in shape:
        return [_value_of(shape["items"], name)] * 3
    if shape.get("type") in ("integer", "number"):
        return 1
    return "0:00-0:01" if name in ("time", "time_range") else _WORDS


class _StandIn(BaseHTTPRequestHandler):
    """A model server that gives one answer. Each server has a class of its own, with its text."""

    text = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(json.dumps({"data": [{"id": "m"}]}).encode(), "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        pieces = [self.text[n : n + _PIECE] for n in range(0, len(self.text), _PIECE)]
        lines = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
        usage = {"prompt_tokens": 3000, "completion_tokens": len(pieces)}
        end = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}
        said = "".join(f"data: {json.dumps(line)}\n\n" for line in [*lines, end])
        self._send(f"{said}data: [DONE]\n\n".encode(), "text/event-stream")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Say nothing."""


@contextlib.contextmanager
def _server(text: str) -> Iterator[str]:
    """Serve this answer; gives the base_url."""
    handler = type("_Answering", (_StandIn,), {"text": text})
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(folder: Path, way: str, url: str, jobs: int) -> float:
    """Upsample so many specs in a new home, and return the processor time of the command in seconds."""
    laptop = Laptop(folder / "home", folder / "work")
    profiles = laptop.config.parent / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "prose.toml").write_text(_prose())
    for number in range(jobs):
        spec = {"model_mode": _MODE, "prompt": f"scene {number}: a tram in the rain"}
        write_spec(laptop.cwd / "specs" / f"scene{number:04}.json", spec)
    with running_sshd(folder / "sshd", laptop.public_key) as sshd:
        laptop.trust(sshd.port, sshd.host_key)
        laptop.add_host("bench-box", sshd.port)
        laptop.configure(
            f'box = "bench"\n[upsampling]\nprofile = "{_WAYS[way]}"\n'
            f'[boxes.bench]\nhost = "bench-box"\nroot = "{folder / "box"}"\nengine = "openai"\n'
            f'model = "m"\nopenai = {{ base_url = "{url}", slots = 8 }}\n'
        )
        begun = cpu.of_ended_children()
        try:
            subprocess.run(
                [UPSAMPLE, "--no-ui", "specs", "--save-dir", "results"],
                cwd=laptop.cwd,
                env=laptop.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=True,
            )
            seconds = cpu.of_ended_children() - begun
        finally:
            end_daemons(folder)
    if len(list((laptop.cwd / "results").glob("*.json"))) != jobs:
        raise SystemExit(f"{way}: results are missing")
    return seconds


def _prose() -> str:
    profile = load_profile("cosmos3")
    said = outline(profile.schema_for(_MODE)).replace("$", "$$")
    user = profile.user_template(_MODE).replace("$outline", said)
    return _PROSE.format(system=json.dumps(profile.template.system), user=json.dumps(user))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--laps", type=int, default=3)
    given = parser.parse_args()
    answer = write_object(json.loads(load_profile("cosmos3").schema_for(_MODE)))
    texts = {"objects": answer, "text": (_WORDS * len(answer))[: len(answer)]}
    say(f"{given.jobs:,} jobs, answers of {len(answer):,} characters")
    ratios = []
    with tempfile.TemporaryDirectory(prefix="upsample-bench-") as name:
        for lap in range(given.laps):
            seconds = {}
            for way in list(texts)[:: 1 if lap % 2 else -1]:
                folder = Path(name) / f"{lap}-{way}"
                folder.mkdir()
                with _server(texts[way]) as url:
                    seconds[way] = run(folder, way, url, given.jobs)
                say(f"lap {lap + 1}: {way} {seconds[way]:.2f} s of processor time")
            ratios.append(seconds["objects"] / seconds["text"])
    said = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    say(f"objects ÷ text: {statistics.median(ratios):.2f} ({said})")


if __name__ == "__main__":
    main()
