"""Starts the workers of the app's event loop.

They are handed functions and no coroutines. A worker may be cancelled before its first step, by an app that
ends in that moment or by a worker that replaces it, and a coroutine would never be awaited then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from textual.dom import DOMNode
from textual.worker import Worker

Work = Callable[[], Coroutine[None, None, None]]


def start_work(
    node: DOMNode, work: Work, group: str = "default", *, exclusive: bool = False
) -> Worker[None]:
    """Start this work as a worker of the node, and end it with the node. An error does not end the app; see
    `TellsDefects`.
    """

    # Textual tells an async function by looking at it, and a lambda does not look like one.
    async def begin() -> None:
        await work()

    return node.run_worker(begin, group=group, exclusive=exclusive, exit_on_error=False)
