"""What the import contracts in pyproject.toml cannot say."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "file", sorted((ROOT / "remote").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_box_needs_nothing_but_the_standard_library(file: Path) -> None:
    # They run in the Python that has Ray or llama.cpp, and nothing else imports them.
    others = {"remote/engines/ray/driver.py": "ray", "remote/engines/llama/serving.py": "xllamacpp"}
    allowed = sys.stdlib_module_names | {"remote", others.get(str(file.relative_to(ROOT)))}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in allowed


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and those for types alone count too."""
    imports = {module: imports_of(file) for module, file in MODULES.items()}
    # Modules that import nothing that is left are taken out, until only circles and what needs them are left.
    while free := [module for module, needs in imports.items() if not needs & imports.keys()]:
        for module in free:
            del imports[module]
    assert imports == {}


def test_workers_of_the_event_loop_start_in_one_place() -> None:
    """There they are handed functions. A worker that does not get to begin never awaits a coroutine."""
    starting = [
        f"{module}:{node.lineno}"
        for module, file in MODULES.items()
        if module.startswith("tui.") and module != "tui.shell.work"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".run_worker")
        # Textual's palette makes its own, and hands them on; a thread is handed a function anyway.
        if "super()" not in ast.unparse(node.func)
        and "thread=True" not in [ast.unparse(keyword) for keyword in node.keywords]
    ]
    assert starting == []


def imports_of(file: Path) -> set[str]:
    """The modules of the three rooms that the file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (parts & MODULES.keys()) or {node.module}
    return (names & MODULES.keys()) - {module_of(file)}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_of(file): file
    for room in ("backend", "remote", "tui")
    for file in sorted((ROOT / room).rglob("*.py"))
}
