"""What the app hears, on the disk."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from tests.support.pilots import PATIENCE
from tui.log.book import LogLine
from tui.log.file import LogFile


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy one, 20,000 lines may take longer than an app waits for them when it ends."""
    monkeypatch.setattr("tui.log.file._END_SECONDS", PATIENCE)


def lines(count: int, text: str = "ready") -> list[LogLine]:
    return [LogLine("h100", 0.0, "info", "vllm", f"{text} {number}") for number in range(count)]


def no_trouble(trouble: str) -> None:
    raise AssertionError(trouble)


def test_every_line_is_in_the_file_in_order_and_for_the_user_alone(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "logs" / "boxes.log", no_trouble)
    every = lines(20_000)
    for line in every:
        file.write([line])
    file.close()
    kept = file.path.read_text().splitlines()
    assert [it.rpartition(": ")[2] for it in kept] == [line.text for line in every]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_file_is_bounded_and_the_newest_lines_stay(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "boxes.log", no_trouble, most_bytes=10_000)
    for number in range(50):
        file.write(lines(20, f"batch {number}"))
    file.close()
    older = tmp_path / "boxes.log.1"
    assert {path.name for path in tmp_path.iterdir()} == {"boxes.log", "boxes.log.1"}
    assert "batch 49 19" in file.path.read_text()
    assert max(file.path.stat().st_size, older.stat().st_size) <= 10_000
    assert stat.S_IMODE(older.stat().st_mode) == 0o600


def test_escapes_and_half_pairs_do_not_reach_the_file(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "boxes.log", no_trouble)
    file.write([LogLine("h100", 0.0, "info", "vllm", "\x1b]52;c;aGk=\x07 \ud83d \x1b[31mred")])
    file.close()
    data = file.path.read_bytes()
    assert data.endswith(rb": \x1b]52;c;aGk=\x07 \ud83d red" + b"\n")


def test_a_file_that_cannot_be_written_is_told_once_and_tried_again(tmp_path: Path) -> None:
    blocker = tmp_path / "logs"
    blocker.write_text("in the way")
    told: list[str] = []
    heard = threading.Event()

    def tell(trouble: str) -> None:
        told.append(trouble)
        heard.set()

    file = LogFile(blocker / "boxes.log", tell)
    file.write(lines(1))
    assert heard.wait(PATIENCE)
    for _ in range(3):
        file.write(lines(1))
    file.close()
    assert len(told) == 1
    assert "logs/boxes.log cannot be written" in told[0]


def test_a_disk_that_has_room_again_is_written_again(tmp_path: Path) -> None:
    blocker = tmp_path / "logs"
    blocker.write_text("in the way")
    heard = threading.Event()
    file = LogFile(blocker / "boxes.log", lambda _: heard.set())
    file.write(lines(1, "lost"))
    assert heard.wait(PATIENCE)
    blocker.unlink()
    file.write(lines(1, "kept"))
    file.close()
    assert "kept 0" in file.path.read_text()


def test_two_apps_share_the_file_across_its_rotation(tmp_path: Path) -> None:
    apps = [LogFile(tmp_path / "boxes.log", no_trouble, most_bytes=15_000) for _ in range(2)]
    for number in range(10):
        for name, app in enumerate(apps):
            app.write(lines(20, f"app {name} batch {number}"))
    for app in apps:
        app.close()
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert text.count("\n") == 400
