"""What docs/architecture.md and CONTRIBUTING.md name is there: modules, functions, classes, files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:backend|remote|tui)(?:\.\w+)+(?::[\w.]+)?)`", PAGE)))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PLACES = sorted(set(re.findall(r"`((?:backend|remote|tui)/[\w/.]*)`", CONTRIBUTING)))


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def definitions(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            found |= {t.id: statement for t in statement.targets if isinstance(t, ast.Name)}
    return found


@pytest.mark.parametrize("named", NAMED)
def test_what_the_page_names_is_there(named: str) -> None:
    module, _, path = named.partition(":")
    body = ast.parse(file_of(module).read_text("utf-8")).body
    for name in filter(None, path.split(".")):
        found = definitions(body).get(name)
        assert found is not None, f"{module} has no {path}"
        body = found.body if isinstance(found, ast.ClassDef) else []


@pytest.mark.parametrize("place", PLACES)
def test_what_contributing_points_at_is_there(place: str) -> None:
    assert ROOT.joinpath(place).exists()


def test_the_page_has_its_walks_and_its_nouns() -> None:
    walks = [line for line in PAGE.splitlines() if re.match(r"\d+\. ", line)]
    nouns = [line for line in PAGE.splitlines() if line.startswith("| ") and ":" in line]
    assert len(walks) >= 20
    assert len(nouns) >= 20
