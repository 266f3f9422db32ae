"""What tells of changes on disk: watchfiles' own notifier, without the loop that watchfiles puts around it.

That loop brings multiprocessing and anyio with it, and the first specs are drawn only after.
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
    """The class. Raises ImportError."""
    if _MODULE not in sys.modules:
        package = find_spec("watchfiles")  # looked up, not imported
        places = package.submodule_search_locations if package else None
        spec = PathFinder.find_spec(_MODULE, places)
        if spec is None or spec.loader is None:
            raise ImportError(f"{_MODULE} is not installed")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[_MODULE] = module
    return cast("type[RustNotify]", sys.modules[_MODULE].RustNotify)
