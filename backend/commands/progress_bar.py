"""The bar on stderr of a command that takes long; nothing where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, ProgressColumn

from backend.console import err


class Bar(Progress):
    """Drawn while it is entered, and gone afterwards."""

    def __init__(self, *columns: ProgressColumn) -> None:
        super().__init__(
            *columns,
            console=err(),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not sys.stderr.isatty(),
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else meanwhile."""
        self.stop()
        try:
            yield
        finally:
            self.start()
