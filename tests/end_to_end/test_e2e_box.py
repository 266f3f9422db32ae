"""`upsample box`, as a user runs it on the embedded box."""

from __future__ import annotations

import json

from tests.support.laptop import Laptop


def test_the_status_names_the_engine_and_what_is_left_to_do(laptop: Laptop) -> None:
    told = laptop.run("box", "status", "--json")
    assert told.returncode == 0
    status = json.loads(told.stdout)
    assert (status["box"], status["engine"], status["unfinished"]) == ("local", "sketch 1", 0)


def test_the_log_of_a_box_is_printed(laptop: Laptop) -> None:
    laptop.run("box", "status")
    told = laptop.run("box", "logs")
    assert told.returncode == 0
    assert "serves with the engine sketch" in told.stdout


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
