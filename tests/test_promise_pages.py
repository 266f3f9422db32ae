"""docs/security.md and docs/box.md name the test behind each promise, and these are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGE = DOCS / "security.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(("page", "least"), [("security.md", 40), ("box.md", 15)])
def test_every_test_that_is_named_is_there(page: str, least: int) -> None:
    named = _NAMED.findall((DOCS / page).read_text("utf-8"))
    missing = [f"{file}::{test}" for file, test in named if test not in functions_in(TESTS / file)]
    assert missing == []
    assert len(named) > least


def test_every_promise_names_a_test() -> None:
    table = PAGE.read_text("utf-8").partition("| promise | tests |\n| --- | --- |\n")[2]
    rows = table.partition("\n\n")[0].splitlines()
    assert [row for row in rows if not _NAMED.search(row)] == []


def functions_in(file: Path) -> set[str]:
    if not file.is_file():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}
