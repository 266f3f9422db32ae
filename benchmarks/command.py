"""How a benchmark that starts real parts is run as a command."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest


def run_command(main: Callable[[], None]) -> None:
    """Run a benchmark. What it has started ends with it when it is told to end, too, as by Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except pytest.skip.Exception as missing:  # a part of tests/support is not installed here
        raise SystemExit(str(missing)) from None
