"""Text from outside has few ways to a terminal, and nobody goes around them: looked up in the sources."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def sources(room: str) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((ROOT / room).rglob("*.py")):
        yield str(file.relative_to(ROOT)), ast.parse(file.read_text("utf-8"))


def places(room: str, is_wrong: Callable[[ast.AST], bool], *but: str) -> list[str]:
    """Where something is wrong, as "file:line", except in the files that may do it."""
    return [
        f"{file}:{getattr(node, 'lineno', 0)}"
        for file, tree in sources(room)
        for node in ast.walk(tree)
        if file not in but and is_wrong(node)
    ]


def called(node: ast.AST) -> str:
    """What a call calls: "print", "sys.stdout.write"; empty for what is no call."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def leaves_markup_on(node: ast.AST) -> bool:
    """A text that is not Content is read as markup unless that is switched off."""
    if not isinstance(node, ast.Call):
        return False
    name = called(node).rpartition(".")[2]
    if name not in ("notify", "Static", "Label") or (name == "notify" and not node.args):
        return False
    if any(k.arg == "markup" and ast.unparse(k.value) == "False" for k in node.keywords):
        return False
    # What is empty may be filled later, unless nobody can find it.
    is_constant = node.args and isinstance(node.args[0], ast.Constant)
    is_gap = not node.args and [ast.unparse(k) for k in node.keywords] == ["classes='gap'"]
    return not (is_constant or is_gap)


def is_title_of_data(node: ast.AST) -> bool:
    """A border's title is read as markup, unless it is a Content itself."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Attribute):
        return False
    if node.targets[0].attr not in ("border_title", "border_subtitle", "tooltip"):
        return False
    return not isinstance(node.value, ast.Constant) and called(node.value) != "Content"


def test_no_widget_takes_data_for_markup() -> None:
    assert places("tui", leaves_markup_on) == []
    assert places("tui", is_title_of_data) == []
    assert places("tui", lambda node: called(node).endswith("from_markup")) == []
    assert (
        places("tui", lambda node: isinstance(node, ast.Attribute) and node.attr == "markup") == []
    )


def test_the_clipboard_is_reached_in_one_place() -> None:
    reached = places("tui", lambda node: called(node).endswith("copy_to_clipboard"))
    assert [place.partition(":")[0] for place in reached] == ["tui/shell/terminal.py"]


@pytest.mark.parametrize("room", ["backend", "tui"])
def test_standard_output_is_written_in_one_place(room: str) -> None:
    writing = (
        "print",
        "sys.stdout.write",
        "sys.stderr.write",
        "sys.stdout.buffer.write",
    )
    found = places(
        room,
        lambda node: called(node) in writing,
        "backend/console.py",
        "backend/standard_streams.py",
        "backend/limits/__main__.py",
        "backend/troubles/__main__.py",
        "backend/cli/completion.py",  # a script of our own, whose tabs must stay
    )
    assert found == []


@pytest.mark.parametrize("room", ["backend", "remote", "tui"])
def test_nothing_goes_through_a_shell(room: str) -> None:
    def uses_a_shell(node: ast.AST) -> bool:
        name = called(node)
        has_flag = isinstance(node, ast.Call) and any(k.arg == "shell" for k in node.keywords)
        starts = "subprocess" in name or name.endswith(("Popen", "run"))
        return (
            (has_flag and starts)
            or name in ("os.system", "os.popen")
            or name.endswith("subprocess_shell")
        )

    assert places(room, uses_a_shell) == []
