"""A model server that hangs, behind a real sshd: it answers /health and generates nothing. It is noticed by
its silence, replaced, and the batch completes.

The server is a stand-in: a real one cannot be made to hang on purpose before its first token.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.remote.engines import vllm_stand_in
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop, Running, journal_records
from tests.support.specs import write_spec
from tests.support.sshd import Sshd

_COUNT = 6
Order = Callable[..., None]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """The folder of the stand-in's orders and notes."""
    folder = tmp_path / "served"
    folder.mkdir()
    yield folder
    end_daemons(tmp_path)  # with their servers, which outlive a daemon that is killed
    vllm_stand_in.end_servers(folder)


@pytest.fixture
def order(served: Path) -> Order:
    """Says what the servers are to do from now on."""

    def write(**orders: object) -> None:
        new = served / "orders.new"
        new.write_text(json.dumps({"meek": True, **orders}))
        new.replace(served / "orders")

    return write


@pytest.fixture
def gpu_box(laptop: Laptop, trusted: Sshd, box_root: Path, served: Path) -> Path:
    """The box named test with the engine vllm, and little patience; gives its root."""
    command = [sys.executable, vllm_stand_in.__file__]
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\nengine = "vllm"\n'
        'model = "/models/pixtral"\nidle_timeout = 3\n'
        "first_token_timeout = 5\nnext_token_timeout = 5\n"
        f"[boxes.test.vllm]\ncommand = {json.dumps(command)}\nmax_num_seqs = 2\n"
        f'env = {{ {vllm_stand_in.FOLDER} = "{served}" }}\n'
    )
    return box_root


@pytest.fixture
def texts(laptop: Laptop) -> Path:
    entries = [{"prompt": f"scene {n}", "output_video": f"{n}.mp4"} for n in range(_COUNT)]
    return write_spec(laptop.cwd / "texts.json", entries)


def _starts(served: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(served.glob("start-*"))]


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _check_done_once_by_the_second(run: Running, root: Path, served: Path) -> None:
    done = Counter(event["job"] for event in run.events if event["type"] == "done")
    assert len(done) == _COUNT
    assert set(done.values()) == {1}
    assert set(Counter(journal_records(root, "finished")).values()) == {1}
    first, _second = _starts(served)
    assert not _is_alive(first["pid"])
    assert not _is_alive(first["child"])


def test_a_server_that_never_begins_to_answer_is_replaced(
    laptop: Laptop, gpu_box: Path, served: Path, order: Order, texts: Path
) -> None:
    order(silent_starts=1)

    with laptop.started(texts) as run:
        assert run.end() == 0, run.errors

    stages = [event["stage"] for event in run.events if event["type"] == "engine"]
    assert stages.count("ready") == 2
    logs = [event["text"] for event in run.events if event["type"] == "log"]
    assert any("said nothing for 5 s" in text for text in logs)
    _check_done_once_by_the_second(run, gpu_box, served)


def test_a_server_that_falls_silent_for_all_is_replaced(
    laptop: Laptop, gpu_box: Path, served: Path, order: Order, texts: Path
) -> None:
    # /health is answered still, and the next server works.
    order(silent_starts=1, silent_after=2)

    with laptop.started(texts) as run:
        assert run.end() == 0, run.errors

    _check_done_once_by_the_second(run, gpu_box, served)


def test_a_server_that_is_always_silent_fails_its_jobs_and_ends_the_run(
    laptop: Laptop, gpu_box: Path, served: Path, order: Order
) -> None:
    order(silent_starts=99)
    spec = write_spec(laptop.cwd / "one.json", [{"prompt": "a", "output_video": "a.mp4"}])

    with laptop.started(spec) as run:
        assert run.end() == 1

    (failed,) = (event for event in run.events if event["type"] == "failed")
    assert "generated nothing for 5 s" in failed["error"]
    assert "first_token_timeout" in failed["error"]
    assert len(_starts(served)) == 2


def test_a_server_that_can_never_start_stops_its_box_with_the_reason_and_the_jobs_wait(
    laptop: Laptop, gpu_box: Path, served: Path, order: Order, texts: Path
) -> None:
    words = "OSError: /models/pixtral is not a local folder and is not a valid model identifier"
    order(start="crash", words=words)

    ended = laptop.batch(texts)

    assert ended.returncode == 3
    assert (
        f"the model server of test cannot be used: vLLM ended while starting, with exit status 1: {words}"
        in (ended.stderr)
    )
    assert "List the folder on the box with `ls -l`, and set `model` of the box" in ended.stderr
    assert len(_starts(served)) == 1
    assert "failed" not in laptop.states()
    assert journal_records(gpu_box, "failed") == []

    order()
    again = laptop.batch()

    assert again.returncode == 0, again.stderr
    assert laptop.states() == {"done": _COUNT}
