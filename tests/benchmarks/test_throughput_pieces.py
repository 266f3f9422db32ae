"""The benchmark's parts work: every way answers the same requests, and what is counted adds up.

The server is a stand-in that answers at once; no speed is looked at.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.contestants import ONE_AT_A_TIME, OURS, PLAIN, WAYS, Run, Track, run
from benchmarks.figures import as_json, ratios
from benchmarks.model_server import ModelServer
from benchmarks.workload import Workload, make_workload

_REQUESTS = 3
_ANSWER = 5


class _Chat(BaseHTTPRequestHandler):
    """Answers each chat with as many words as it may, whole or streamed."""

    asked: list[tuple[str, int]]
    """Prompt and number of pictures of each request."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        self.asked.append((content[-1]["text"], len(content) - 1))
        usage = {"prompt_tokens": 100, "completion_tokens": body["max_tokens"]}
        said = {"content": "word " * body["max_tokens"]}
        if body.get("stream"):
            chunks = [
                {"choices": [{"delta": said, "finish_reason": "length"}]},
                {"choices": [], "usage": usage},
            ]
            events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
            self._send("text/event-stream", f"{events}data: [DONE]\n\n")
        else:
            whole = {"choices": [{"message": said, "finish_reason": "length"}], "usage": usage}
            self._send("application/json", json.dumps(whole))

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    return make_workload(tmp_path_factory.mktemp("work"), _REQUESTS, _ANSWER)


@pytest.fixture
def asked() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def track(workload: Workload, tmp_path: Path, asked: list[tuple[str, int]]) -> Iterator[Track]:
    handler = type("_Asked", (_Chat,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        yield Track(tmp_path, workload, ModelServer(url, "stand-in"), slots=2, stream=False)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("drawing", [False, True], ids=["frames drawn", "drawing"])
@pytest.mark.parametrize("way", WAYS)
async def test_every_way_does_the_same_work(
    track: Track, asked: list[tuple[str, int]], way: str, drawing: bool
) -> None:
    ended = await asyncio.to_thread(run, track, way, drawing=drawing, lap=0)

    assert sorted(asked) == sorted((task.prompt, 2) for task in track.workload.tasks)
    assert (ended.answers, ended.answer_tokens) == (_REQUESTS, _REQUESTS * _ANSWER)
    assert 0 < ended.sending < ended.whole


def test_a_ratio_is_taken_within_a_lap() -> None:
    def ended(way: str, seconds: float) -> Run:
        return Run(way, False, 1, 100, 0, seconds, seconds, 0, 0, 0, 0)

    # The second lap fell into a time when the machine was twice as slow.
    laps = [
        [ended(OURS, 2.0), ended(PLAIN, 1.0), ended(ONE_AT_A_TIME, 4.0)],
        [ended(PLAIN, 2.0), ended(ONE_AT_A_TIME, 8.0), ended(OURS, 4.0)],
    ]

    found = {(r.way, r.than): r.ratio for r in ratios(laps) if r.clock == "sending"}

    assert found[OURS, PLAIN].median == found[OURS, PLAIN].most == 0.5
    assert found[OURS, ONE_AT_A_TIME].median == 2.0
    assert json.loads(json.dumps(as_json(laps, {})))["runs"][0]["way"] == OURS
