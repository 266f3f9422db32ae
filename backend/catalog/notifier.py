"""Loads the class of watchfiles that reports changes on disk, without importing the rest of watchfiles.

The rest imports multiprocessing and anyio, which would delay the first specs on the screen.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_MODULE = "watchfiles._rust_notify"


def load_notifier() -> type[RustNotify]:
    """Import and return the class. Raises ImportError."""
    if _MODULE not in sys.modules:
        package = find_spec("watchfiles")  # finds the package without importing it
        places = package.submodule_search_locations if package else None
        spec = PathFinder.find_spec(_MODULE, places)
        if spec is None or spec.loader is None:
            raise ImportError(f"{_MODULE} is not installed")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[_MODULE] = module
    return cast("type[RustNotify]", sys.modules[_MODULE].RustNotify)
