"""What a model server logs does not reach the terminal of whoever prints runner.log on the box."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from remote.daemon import daemon
from remote.paths import make_daemon_paths
from remote.protocol import FromBox


@pytest.mark.parametrize(
    ("logged", "written"),
    [
        ("a line", "a line"),
        ("two\n\tlines", "two\n\tlines"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07"),
        ("\x9b2Jgone\rback", r"\x9b2Jgone\rback"),
        ("\u202eesrever", r"\u202eesrever"),
        ("half a pair \ud83d", r"half a pair \ud83d"),
        ("Straße 東京 🌇", "Straße 東京 🌇"),
    ],
)
async def test_a_line_of_the_log_file_draws_nothing_but_itself(
    logged: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half a pair in what pytest captures cannot be sent from the processes that share the tests.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    paths = make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")
    heard: list[FromBox | None] = []
    with daemon._logging_to(paths, heard.append):
        logging.getLogger("vllm").warning("%s", logged)
    assert paths.log.read_text("utf-8").endswith(f" WARNING vllm {written}\n")
