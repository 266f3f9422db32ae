"""Names say what is meant: no two public classes of the three rooms share one, and no two files of tests."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("backend", "remote", "tui")


def test_no_two_public_classes_share_a_name() -> None:
    modules_by_class: defaultdict[str, list[str]] = defaultdict(list)
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for name in public_classes(file):
                modules_by_class[name].append(str(file.relative_to(ROOT)))
    assert len(modules_by_class) > 100
    shared = {name: modules for name, modules in modules_by_class.items() if len(modules) > 1}
    assert shared == {}


def test_no_two_files_of_tests_share_a_name() -> None:
    """pytest imports each by its name alone, and refuses the second."""
    counts = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in counts.items() if count > 1] == []


def public_classes(file: Path) -> list[str]:
    """Return the names of the classes at the top level of a file that begin with no underscore."""
    tree = ast.parse(file.read_text("utf-8"))
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in classes if not name.startswith("_")]
