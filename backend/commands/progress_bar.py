"""A progress bar on stderr. It is not drawn when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, ProgressColumn

from backend.console import err


class Bar(Progress):
    """A bar that is drawn inside its `with` block and removed at the end."""

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
        """Hide the bar inside the `with` block, so that somebody else can use the terminal."""
        self.stop()
        try:
            yield
        finally:
            self.start()
