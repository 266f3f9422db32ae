"""Tells which replicas were lost and what is repeated for that: once for a node, however many it had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(eq=False)
class Loss:
    """A replica that was lost."""

    number: int
    node: str
    """The name of its node; empty when it had none yet."""
    why: str
    repeated: set[int] = field(default_factory=set)
    """The numbers of the requests that it worked on. Some may be added before it is told."""


class Losses:
    """The losses that were not told yet. Each waits for two looks at the nodes, which may tell its cause."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []
        self._waiting: list[Loss] = []
        """Those that were there at the last look."""
        self._nodes: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        """The nodes that had left at the last look. What is lost with them may be noticed a moment later."""

    def note(self, loss: Loss) -> None:
        """Keep a loss until it is told."""
        self._losses.append(loss)

    def tell(self, nodes: Iterable[str]) -> list[str]:
        """Say what was lost before the last look, and which nodes had left then. `nodes` are the names of
        those that are alive.
        """
        now = Counter(nodes)
        due, self._left = self._left, self._nodes - now
        self._nodes = now
        told = [f"node {node} has left the cluster{_with(_of(self._losses, node))}" for node in due]
        left = [loss for loss in self._losses if loss.node not in due]
        rest = [loss for loss in left if loss in self._waiting and loss.node not in self._left]
        self._losses = [loss for loss in left if loss not in rest]
        self._waiting = list(self._losses)
        return told + [_words(_of(rest, node)) for node in dict.fromkeys(it.node for it in rest)]


def _of(losses: Iterable[Loss], node: str) -> list[Loss]:
    return [loss for loss in losses if loss.node == node]


def _with(losses: Sequence[Loss]) -> str:
    return f", with {_names(losses)}{_repeated(losses)}" if losses else ""


def _words(losses: Sequence[Loss]) -> str:
    where = f" on {losses[0].node}" if losses[0].node else ""
    are = "is" if len(losses) == 1 else "are"
    return f"{_names(losses)}{where} {are} lost: {losses[0].why}{_repeated(losses)}"


def _names(losses: Sequence[Loss]) -> str:
    numbers = [str(number) for number in sorted({loss.number for loss in losses})]
    if len(numbers) == 1:
        return f"replica {numbers[0]}"
    return f"replicas {', '.join(numbers[:-1])} and {numbers[-1]}"


def _repeated(losses: Sequence[Loss]) -> str:
    """Say what others do again; empty when that is nothing."""
    count = sum(len(loss.repeated) for loss in losses)
    whom = "it" if len({loss.number for loss in losses}) == 1 else "they"
    if not count:
        return ""
    if count == 1:
        return f"; the request that {whom} worked on begins anew on another one"
    return f"; the {count} requests that {whom} worked on begin anew on others"
