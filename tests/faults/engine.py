"""A stand-in for `vllm serve`, run as a script by the daemon's own supervisor, or beside the daemon at a
port: no model, but the API, and an account of its own of what it was asked and what it gave.

The account is the oracle's: a line when a request begins, and a line, on the disk before the last piece
leaves, when its answer is complete. Each answer is another one, so two of them are never taken for one.
Each line has a label, which says what has answered: the weights that were there as it started, or the port
and the model that was asked for.
Standard library only; it starts in no time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import sys
import time
import zlib
from pathlib import Path
from typing import Any

LOG = "FAULTS_ENGINE_LOG"
"""The variable that names the account's file."""
PACE = "FAULTS_ENGINE_PACE"
"""The variable that says how many seconds pass between two pieces of an answer."""

WEIGHTS = "FAULTS_ENGINE_WEIGHTS"
"""The variable that names the file with the weights: a word, which is the label. Without it, the port is."""
REFUSE = ".refuse"
"""The end of the name of the file, beside the account, with a prompt that is refused once."""
TASTE = "this prompt is not to my taste"
"""What is said of it."""

SEEDS_APART = 100
"""Between the seeds of two draws; the first one's is 0."""
_MOST_WRONG = 3

_SENTENCE = "low light over wet stone while the camera glides past windows and slow steam rises "


def note(event: str, **values: Any) -> None:
    """Add a line to the account; it is on the disk when this returns."""
    line = json.dumps({"at": time.monotonic(), "pid": os.getpid(), "event": event, **values})
    descriptor = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prompt_of(asked: dict[str, Any]) -> str:
    """The words of a request, without its pictures."""
    content = asked["messages"][-1]["content"]
    if not isinstance(content, str):
        content = next(part["text"] for part in content if part["type"] == "text")
    return str(content)


def pieces_of(prompt: str) -> list[str]:
    """An answer that nobody has given before, in pieces."""
    words = random.choices(_SENTENCE.split(), k=24)
    said = [" ".join(words[n : n + 6]) for n in range(0, 24, 6)]
    return [
        f"{prompt}, ",
        f"take {secrets.token_hex(6)}: ",
        *(f"{part}, " for part in said),
        "end.",
    ]


def wrong_draws(prompt: str) -> int:
    """How many draws of an object for this prompt are wrong before one is right."""
    return zlib.crc32(prompt.encode()) % (_MOST_WRONG + 1)


def pieces_of_object(prompt: str, seed: int) -> list[str]:
    """The same answer as an object, or, for the first draws of some prompts, as something that is none."""
    said = "".join(pieces_of(prompt))
    draw = seed // SEEDS_APART
    right = json.dumps({"scene": said})
    if draw < wrong_draws(prompt):
        half, others = right[: len(right) - 9], json.dumps({"mood": said, "scenes": []})
        text = (f"Certainly: {said}", half, others)[(len(prompt) + draw) % 3]
    else:
        text = right
    return [text[n : n + 40] for n in range(0, len(text), 40)]


def is_refused(prompt: str) -> bool:
    """Whether this prompt is to be refused now; it is not the next time."""
    order = Path(os.environ[LOG] + REFUSE)
    try:
        if order.read_text() != prompt:
            return False
        order.unlink()
    except FileNotFoundError:
        return False
    return True


class StandIn:
    """The server."""

    def __init__(self, label: str, port: int, loads: float) -> None:
        """Without a `label`, port and model are it; for `loads` seconds it says that it is loading."""
        self._label = label
        self._port = port
        self._ready_at = time.monotonic() + loads

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and hang up."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = b""
            if head.startswith("POST"):
                lengths = [it for it in head.lower().splitlines() if it[:15] == "content-length:"]
                body = await reader.readexactly(int(lengths[0].partition(":")[2]))
            if time.monotonic() < self._ready_at:
                await refuse(writer, "503 Service Unavailable", "Loading model")
            elif body:
                await self._generate(writer, json.loads(body))
            else:
                known = not head.startswith("GET /metrics")
                writer.write(status("200 OK" if known else "404 Not Found") + b"{}")
                await writer.drain()
        writer.close()

    async def _generate(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        prompt, is_probe = prompt_of(asked), asked["max_tokens"] == 1
        label = self._label or f"{self._port} {asked['model']}"
        if not is_probe and is_refused(prompt):
            note("refused", prompt=prompt, label=label)
            await refuse(writer, "400 Bad Request", TASTE)
            return
        seed = asked.get("seed", 0)
        wants_object = "response_format" in asked
        pieces = pieces_of_object(prompt, seed) if wants_object else pieces_of(prompt)
        if is_probe:
            pieces = ["."]
        writer.write(status("200 OK", "text/event-stream"))
        if not is_probe:
            note("begun", prompt=prompt, label=label, seed=seed)
        try:
            for piece in pieces:
                writer.write(chunk({"choices": [{"delta": {"content": piece}}]}))
                await writer.drain()
                if not is_probe:
                    await asyncio.sleep(float(os.environ.get(PACE, "0.05")))
        except ConnectionError:
            note("broken off", prompt=prompt, label=label)
            raise
        if not is_probe:
            note("completed", prompt=prompt, label=label, seed=seed, text="".join(pieces))
        end = {"delta": {"content": ""}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(pieces)}
        writer.write(chunk({"choices": [end], "usage": usage}) + b"data: [DONE]\n\n")
        await writer.drain()


async def refuse(writer: asyncio.StreamWriter, line: str, why: str) -> None:
    writer.write(status(line) + json.dumps({"error": {"message": why}}).encode())
    await writer.drain()


def status(line: str, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()


def chunk(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


async def serve(stand_in: StandIn, socket: str | None, port: int) -> None:
    if socket is None:
        server = await asyncio.start_server(stand_in.answer, "127.0.0.1", port, backlog=64)
    else:
        server = await asyncio.start_unix_server(stand_in.answer, socket, backlog=64)
    note("started")
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--uds")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--loads", type=float, default=0.0)
    told = parser.parse_known_args(sys.argv[1:])[0]
    weights = os.environ.get(WEIGHTS)
    label = Path(weights).read_text() if weights else ""
    asyncio.run(serve(StandIn(label, told.port, told.loads), told.uds, told.port))
