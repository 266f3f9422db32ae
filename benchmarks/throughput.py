"""How fast this program upsamples, against a plain HTTP client and against one request at a time.

    python -m benchmarks.throughput [--laps 5] [--requests 64] [--answer-tokens 128] [--json]
    python -m benchmarks.throughput --python /venv/bin/python --model /models/Cosmos-UpsamplePrompt1-…
    python -m benchmarks.throughput --base-url http://127.0.0.1:8000/v1 --model NAME

One vLLM server is started, warmed up, and then used by all three ways in turn; the order changes from lap
to lap. Without --model it is a tiny Pixtral with random weights on the CPU. Read README.md beside this file
before you quote a number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from backend.console import say
from benchmarks.command import run_command
from benchmarks.contestants import OURS, PLAIN, WAYS, Run, Track, run
from benchmarks.figures import as_json, cost_table, costs, rate_table, rates, ratio_table, ratios
from benchmarks.model_server import ModelServer, vllm_with, vllm_with_tiny_pixtral
from benchmarks.workload import make_workload
from remote.protocol import Json

_WIDTH = 120
"""Columns of the tables, wherever they are printed."""


def measure(track: Track, laps: int, ways: list[str], frames: list[bool]) -> list[list[Run]]:
    """Every way, so many times; the order changes from lap to lap."""
    done: list[list[Run]] = []
    for lap in range(laps):
        first = lap % len(ways)
        order = ways[first:] + ways[:first]
        done.append([])
        for drawing in frames:
            for way in order:
                ended = run(track, way, drawing=drawing, lap=lap)
                done[-1].append(ended)
                _narrate(lap, ended)
    return done


def _narrate(lap: int, ended: Run) -> None:
    say(
        f"lap {lap + 1}: {ended.way}, {'drawing' if ended.drawing else 'frames drawn before'}: "
        f"sending {ended.sending:.2f} s, whole {ended.whole:.2f} s, "
        f"{ended.answer_tokens:,} tokens, CPU of user {ended.cpu_user:.1f} s, "
        f"box {ended.cpu_box:.1f} s, server {ended.cpu_server:.1f} s; load {ended.load:.1f}"
    )


@contextlib.contextmanager
def _server(given: argparse.Namespace, folder: Path) -> Iterator[ModelServer]:
    flags = given.vllm_flag
    if given.base_url:
        yield ModelServer(given.base_url.rstrip("/"), given.model)
        return
    say("starting vLLM")
    if given.model:
        starting = vllm_with(given.python, Path(given.model), folder, given.at_once, flags)
    else:
        starting = vllm_with_tiny_pixtral(folder, given.at_once, flags)
    with starting as server:
        yield server


def _about(given: argparse.Namespace) -> dict[str, Json]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "load": [round(value, 2) for value in os.getloadavg()],
            "python": platform.python_version(),
        },
        "model": given.model or "tiny Pixtral, random weights, on the CPU",
        "requests": given.requests,
        "answer_tokens_at_most": given.answer_tokens,
        "at_once": given.at_once,
        "plain_client_streams": given.stream,
        "vllm_flags": given.vllm_flag,
    }


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--laps", type=int, default=5)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--answer-tokens", type=int, default=128, help="max_tokens of each request")
    parser.add_argument("--at-once", type=int, default=8, help="vLLM's --max-num-seqs, and slots")
    parser.add_argument(
        "--stream", action="store_true", help="let the plain client stream; slower, so it does not"
    )
    parser.add_argument("--frames", choices=("drawn", "drawing", "both"), default="both")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="that has vLLM")
    parser.add_argument("--model", default="", help="folder of a real Pixtral, or a server's name")
    parser.add_argument("--base-url", default="", help="of a server that runs already")
    parser.add_argument("--vllm-flag", action="append", default=[], help="as in --vllm-flag=--x=1")
    parser.add_argument(
        "--wrap", default="", help="a profiler before `upsample`, for looking closer"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """The command."""
    given = _parse()
    frames = {"drawn": [False], "drawing": [True], "both": [False, True]}[given.frames]
    with tempfile.TemporaryDirectory(prefix="upsample-bench-") as name:
        folder = Path(name)
        work = make_workload(folder, given.requests, given.answer_tokens)
        tokens = [task.prompt_tokens for task in work.tasks]
        say(f"{len(tokens)} requests of {min(tokens):,} to {max(tokens):,} prompt tokens")
        about = _about(given)
        with _server(given, folder) as server:
            track = Track(
                folder, work, server, given.at_once, given.stream,
                lambda command: [*given.wrap.split(), *command],
            )  # fmt: skip
            say("warming up")
            for way in (PLAIN, OURS):
                run(track, way, drawing=False, lap=-1)
            laps = measure(track, given.laps, given.ways, frames)
    if given.json:
        sys.stdout.write(json.dumps(as_json(laps, about)) + "\n")
        return
    paper = Console(file=sys.stdout, width=_WIDTH, highlight=False, markup=False)
    for made in (rate_table(rates(laps)), cost_table(costs(laps)), ratio_table(ratios(laps))):
        paper.print(made)
        paper.print()


if __name__ == "__main__":
    run_command(main)
