"""`upsample box`, as a user runs it on the embedded box."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from remote.paths import make_daemon_paths
from tests.support.laptop import Laptop, Running
from tests.support.nvidia_smi import H100, IDLE_H100, FakeSmi


def test_the_status_names_the_engine_and_what_is_left_to_do(laptop: Laptop) -> None:
    told = laptop.run("box", "status", "--json")
    assert told.returncode == 0
    status = json.loads(told.stdout)
    assert (status["box"], status["engine"], status["unfinished"]) == ("local", "sketch 1", 0)


def test_the_status_shows_gpus_stage_and_work(laptop: Laptop, tmp_path: Path) -> None:
    smi = FakeSmi(tmp_path / "bin")  # a stand-in: there may be no GPU here
    smi.prints(H100, IDLE_H100.replace("NVIDIA", "\x1b[2J"))
    laptop.more_environment["PATH"] = f"{smi.folder}:{os.environ['PATH']}"

    status = json.loads(laptop.run("box", "status", "--json").stdout)
    assert (status["stage"], status["jobs_running"], status["jobs_waiting"]) == ("ready", 0, 0)
    assert status["load"]["running"] == 0
    assert [gpu["utilisation"] for gpu in status["gpus"]] == [71.0, 0.0]
    assert status["gpus"][0]["memory_total"] == 81559 << 20

    table = laptop.run("box", "status").stdout
    assert "ready" in table
    assert "NVIDIA H100 80GB HBM3" in table
    assert "62/80 GB" in table
    assert "71 %" in table
    assert "\x1b" not in table


def test_the_log_of_a_box_is_printed(laptop: Laptop) -> None:
    laptop.run("box", "status")
    told = laptop.run("box", "logs")
    assert told.returncode == 0
    assert "serves with the engine sketch" in told.stdout


def test_the_log_of_a_box_as_json_is_an_object_a_line(laptop: Laptop) -> None:
    laptop.run("box", "status")
    lines = laptop.run("box", "logs", "--json").stdout.splitlines()
    logged = [json.loads(line) for line in lines]
    assert {line["type"] for line in logged} == {"logged"}
    assert "serves with the engine sketch" in logged[0]["line"]


def _disturb(laptop: Laptop) -> None:
    """Have the daemon log that an app does not keep to the protocol."""
    place = make_daemon_paths(str(laptop.home / ".cache" / "upsample"))
    with socket.socket(socket.AF_UNIX) as app:
        app.connect(str(place.socket))
        app.sendall(b"\0\0\0\x11" + b'{"type": "noise"}')
        while app.recv(1 << 16):
            pass


@contextmanager
def _disturbed(laptop: Laptop) -> Iterator[None]:
    """Disturb it again and again: nobody knows when an onlooker has come back."""
    heard = threading.Event()

    def disturb() -> None:
        while not heard.wait(0.3):
            with suppress(OSError):
                _disturb(laptop)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        heard.set()
        thread.join()


def _interrupted(run: Running) -> int:
    run.interrupt()
    return run.end()


def test_a_log_is_followed_until_ctrl_c(laptop: Laptop) -> None:
    laptop.run("box", "status")
    with laptop.running("box", "logs", "--follow", "--json") as run:
        first = run.until("logged")
        assert "serves with the engine sketch" in str(first["line"])
        for _ in range(3):
            _disturb(laptop)
            line = run.until("log", level="warning", box="local", source="remote.daemon.visitor")
            assert "unknown message type" in line["text"]
        assert _interrupted(run) == 130
    told = [event for event in run.events if event["type"] == "log"]
    assert len([event for event in told if event["level"] == "warning"]) == 3


def test_a_followed_log_goes_on_with_the_next_daemon(laptop: Laptop) -> None:
    with laptop.running("box", "logs", "-f", "--json") as run:
        run.until("logged")
        assert laptop.run("box", "stop").returncode == 0
        laptop.run("box", "status")
        with _disturbed(laptop):
            run.until("log", level="warning")
        assert _interrupted(run) == 130
    assert "hung up; retrying" in run.errors


def test_stopping_ends_the_daemon(laptop: Laptop) -> None:
    assert laptop.run("box", "stop").returncode == 0
    assert not list(laptop.home.rglob("*.sock"))


def test_an_unknown_box_is_a_usage_error(laptop: Laptop) -> None:
    told = laptop.run("box", "status", "nowhere")
    assert told.returncode == 2
    assert "no box is named 'nowhere'" in told.stderr


def test_the_embedded_box_keeps_everything_at_home(laptop: Laptop) -> None:
    laptop.run("box", "status")
    assert list((laptop.home / ".cache" / "upsample").glob("runner-*.pyz"))
    assert not (laptop.cwd / ".cache").exists()


def test_a_look_leaves_a_daemon_of_other_settings_as_it_is(laptop: Laptop) -> None:
    before = json.loads(laptop.run("box", "status", "--json").stdout)
    laptop.configure("[boxes.local]\nidle_timeout = 5\n")
    after = json.loads(laptop.run("box", "status", "--json").stdout)
    assert after["journal"] == before["journal"]
