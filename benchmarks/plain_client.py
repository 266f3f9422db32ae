"""The plain alternative: the script that one would write for a server's HTTP API, and write well.

    python -m benchmarks.plain_client TASKS.json --base-url URL --model NAME --at-once N [--draw FOLDER]

It shares no code with the program (aiohttp talks to the server, ffmpeg is called with a line of its own),
keeps connections open, and asks for whole answers or, with --stream, for each piece as it is written. With
`--at-once 1` it is Transfer1's way: one `chat`, then the next. It has no queue, no journal and no second
try: what a crash interrupts is lost. At the end it prints what it measured as a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

_DRAWN_AT_ONCE = 2
_SECONDS = 3600.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """How the server is asked."""

    url: str
    model: str
    stream: bool
    at_once: int
    draw_into: Path | None
    """Where to draw the frames; None to take those that are drawn."""
    ffmpeg: str
    save_dir: Path


@dataclass
class Client:
    """One run."""

    asked: Asked
    http: aiohttp.ClientSession
    slots: asyncio.Semaphore
    ffmpegs: asyncio.Semaphore
    drawn: dict[tuple[str, str], asyncio.Task[list[Path]]]
    first_sent: float = 0.0
    last_answer: float = 0.0
    """Unix time, both."""

    async def answer(self, task: Json) -> Json:
        """Send one request when there is a slot, and save its answer."""
        frames = await self.frames(task)
        async with self.slots:
            body = self.body(task, frames)
            self.first_sent = self.first_sent or time.time()
            text, usage = await self.chat(body)
            self.last_answer = time.time()
        (self.asked.save_dir / f"{task['name']}.txt").write_text(text, encoding="utf-8")
        return usage

    async def frames(self, task: Json) -> list[Path]:
        """PNG files. Requests that look at one video at one size share them."""
        folder = self.asked.draw_into
        if folder is None:
            return [Path(frame) for frame in task["frames"]]
        key = (task["video"], task["size"])
        if key not in self.drawn:
            new = folder / str(len(self.drawn))
            new.mkdir(parents=True)
            self.drawn[key] = asyncio.create_task(self.draw(task, new))
        return await self.drawn[key]

    async def draw(self, task: Json, folder: Path) -> list[Path]:
        chosen = "+".join(f"eq(n,{index})" for index in task["indices"])
        scale = f"scale={task['size'].replace('x', ':')}:flags=lanczos"
        async with self.ffmpegs:
            process = await asyncio.create_subprocess_exec(
                self.asked.ffmpeg, "-nostdin", "-v", "error", "-i", task["video"],
                "-vf", f"select='{chosen}',{scale},format=rgb24", "-fps_mode", "passthrough",
                str(folder / "%d.png"),
            )  # fmt: skip
            if await process.wait():
                raise SystemExit(f"ffmpeg failed on {task['video']}")
        return [folder / f"{number}.png" for number in range(1, len(task["indices"]) + 1)]

    def body(self, task: Json, frames: Sequence[Path]) -> Json:
        pictures = [base64.b64encode(frame.read_bytes()).decode() for frame in frames]
        content: list[Json] = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
            for picture in pictures
        ]
        content.append({"type": "text", "text": task["prompt"]})
        body: Json = {
            "model": self.asked.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": task["temperature"],
            "max_tokens": task["max_tokens"],
            "seed": task["seed"],
        }
        if self.asked.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    async def chat(self, body: Json) -> tuple[str, Json]:
        async with self.http.post(f"{self.asked.url}/chat/completions", json=body) as response:
            if response.status != 200:
                raise SystemExit(f"the server said {response.status}: {await response.text()}")
            if self.asked.stream:
                return await _streamed(response)
            answer = await response.json()
        return answer["choices"][0]["message"]["content"], answer["usage"]


async def _streamed(response: aiohttp.ClientResponse) -> tuple[str, Json]:
    pieces: list[str] = []
    usage: Json = {}
    async for line in response.content:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line.removeprefix(b"data: "))
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            pieces.append(choice["delta"].get("content") or "")
    return "".join(pieces), usage


async def ask_all(tasks: Sequence[Json], asked: Asked) -> Json:
    """Every task answered; returns what was counted and measured."""
    connector = aiohttp.TCPConnector(limit=asked.at_once)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    asked.save_dir.mkdir(parents=True, exist_ok=True)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        client = Client(
            asked, http, asyncio.Semaphore(asked.at_once), asyncio.Semaphore(_DRAWN_AT_ONCE), {}
        )
        usages = await asyncio.gather(*map(client.answer, tasks))
    return {
        "answers": len(usages),
        "answer_tokens": sum(usage["completion_tokens"] for usage in usages),
        "prompt_tokens": sum(usage["prompt_tokens"] for usage in usages),
        "first_sent": client.first_sent,
        "last_answer": client.last_answer,
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A plain concurrent client of a chat server.")
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--at-once", type=int, required=True)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--draw", type=Path)
    parser.add_argument("--ffmpeg", default="ffmpeg")
    parser.add_argument("--save-dir", type=Path, required=True)
    given = parser.parse_args()
    asked = Asked(
        given.base_url, given.model, given.stream, given.at_once, given.draw, given.ffmpeg,
        given.save_dir,
    )  # fmt: skip
    tasks: list[Json] = json.loads(given.tasks.read_text())
    sys.stdout.write(json.dumps(asyncio.run(ask_all(tasks, asked))) + "\n")


if __name__ == "__main__":
    main()
