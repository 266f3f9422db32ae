"""Data to stdout, everything else to stderr, and nothing that steers a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.console import complain, out, safe, say, table, warn, write_csv, write_json
from backend.errors import (
    BoxError,
    BoxUntrusted,
    ConfigError,
    InputError,
    OutputLost,
    UpsampleError,
)
from backend.exit_codes import ExitCode, exit_code_of

Capsys = pytest.CaptureFixture[str]

LONG = "a" * 30 + " " + "b" * 200


@given(st.text(st.characters()))
def test_safe_text_prints(text: str) -> None:
    for line in safe(text).split("\n"):
        assert line.isprintable()
        line.encode()


def test_narration_goes_to_stderr_in_one_line_each(capsys: Capsys) -> None:
    say(LONG)
    warn(LONG)
    complain(InputError(LONG, "Do this."))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [LONG, f"! {LONG}", f"upsample: {LONG}", "  Do this."]


def test_nothing_from_outside_is_taken_for_markup_or_escapes(capsys: Capsys) -> None:
    say("[bold]x[/y] \x1b[2J")
    assert capsys.readouterr().err == "[bold]x[/y] \\x1b[2J\n"


def test_colons_in_a_name_are_no_emoji(capsys: Capsys) -> None:
    out().print("car:fire:night")
    assert capsys.readouterr().out == "car:fire:night\n"


def test_json_is_one_line_of_ascii(capsys: Capsys) -> None:
    write_json({"name": "\x1b[2J\u2028é\ud83d\nend"})
    line = capsys.readouterr().out
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {"name": "\x1b[2J\u2028é\ud83d\nend"}


def test_csv_quotes_what_needs_it(capsys: Capsys) -> None:
    write_csv(["name", "n"], [['a, "b"', 1], ["c", None]])
    assert capsys.readouterr().out == 'name,n\n"a, ""b""",1\nc,\n'


def test_long_names_are_folded_and_never_cut(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown = table("name", "size", right=("size",))
    shown.add_row("n" * 100, "1280x704")
    out().print(shown)
    text = capsys.readouterr().out
    assert text.count("n") == 101  # and the header's
    assert "1280x704" in text
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, ExitCode.USAGE),
        (InputError, ExitCode.USAGE),
        (UpsampleError, ExitCode.USAGE),
        (BoxError, ExitCode.BOX),
        (OutputLost, ExitCode.OUTPUT),
        (BoxUntrusted, ExitCode.BOX),
    ],
)
def test_each_kind_of_trouble_has_its_exit_code(kind: type[UpsampleError], code: ExitCode) -> None:
    assert exit_code_of(kind("why")) is code


def test_the_exit_codes_are_an_interface() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "SOME_FAILED": 1,
        "USAGE": 2,
        "BOX": 3,
        "OUTPUT": 4,
        "INTERRUPTED": 130,
    }
