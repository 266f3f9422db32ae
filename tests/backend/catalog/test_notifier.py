"""A new process loads the notifier without the rest of watchfiles."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
from backend.catalog.notifier import load_notifier
alone = load_notifier()
assert "anyio" not in sys.modules, "the whole package came with it"
import watchfiles
assert watchfiles.watch.__module__ == "watchfiles.main"
assert load_notifier() is alone is sys.modules["watchfiles._rust_notify"].RustNotify
"""


def test_the_notifier_is_loaded_without_the_package_around_it_which_can_be_imported_later() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, timeout=60)
    assert (loaded.stderr, loaded.returncode) == (b"", 0)
