"""The profiles that one can take, and those that are broken."""

from __future__ import annotations

from importlib import resources

import pytest

from backend.cli import run
from backend.config import user_file
from backend.exit_codes import ExitCode
from tests.backend.commands.running_commands import Capsys, data

pytestmark = pytest.mark.usefixtures("folder")


def test_profiles_are_listed_with_ones_own(capsys: Capsys) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    shipped = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
    (folder / "mine.toml").write_text(shipped)
    listed = data(capsys, "config", "profiles", "--json")
    assert isinstance(listed, list)
    by_name = {row["name"]: row for row in listed if isinstance(row, dict)}
    assert {"cosmos3", "generic", "transfer1"} < by_name.keys()
    assert list(by_name)[-1] == "mine"
    assert (by_name["reason1"]["family"], by_name["reason1"]["source"]) == ("qwen2-vl", "shipped")
    assert (by_name["mine"]["family"], by_name["mine"]["source"]) == (
        "other", str(folder / "mine.toml"),
    )  # fmt: skip
    assert [name for name, row in by_name.items() if row["chosen"]] == ["cosmos3", "transfer1"]
    assert (by_name["cosmos3"]["fits"], by_name["cosmos3"]["auto"]) == (["cosmos3"], ["cosmos3"])
    assert (by_name["transfer1"]["auto"], by_name["reason1"]["auto"]) == (["*"], [])


def test_the_profiles_that_auto_takes_are_marked_ones_own_first(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    shipped = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")
    (folder / "mine.toml").write_text('fits = ["cosmos3"]\n' + shipped)
    listed = data(capsys, "config", "profiles", "--json")
    assert isinstance(listed, list)
    rows = [row for row in listed if isinstance(row, dict)]
    assert [row["name"] for row in rows if row["chosen"]] == ["transfer1", "mine"]
    assert [row["name"] for row in rows if row["fits"]] == ["cosmos3", "mine"]
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["config", "profiles"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "cosmos3 (auto)" in next(it for it in shown.splitlines() if it.startswith("mine"))
    assert "the rest (auto)" in shown


def test_a_broken_profile_is_told_and_the_others_are_listed(capsys: Capsys) -> None:
    folder = user_file().parent / "profiles"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("[vision]\nfamily = 3\n")
    assert run(["config", "profiles"]) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "reason1" in shown.out
    assert "mine.toml: description is missing" in shown.err
    assert max(map(len, shown.out.splitlines())) <= 80
