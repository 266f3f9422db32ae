"""What the process that works on the queue says of its boxes, for the processes that only look on.

The holder of the dispatcher lock writes the newest state of each box into the queue's file (`NewsWriter`),
and a follower makes the same events of it (`NewsReader`, and for an app `AllNewsReader`). Only the newest
state is kept, so a follower may miss a state that ends at once. Nobody believes what a process wrote that
does not hold the lock any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend.errors import (
    BoxError,
    BoxRefusedLogin,
    BoxUntrusted,
    BoxUnusable,
    ConfigError,
    InputError,
    QueueError,
    UpsampleError,
)
from backend.events import (
    BoxStatus,
    EngineStarting,
    Event,
    HandedOver,
    HandingOver,
    LinkChanged,
    LinkState,
    event_json,
)
from backend.store import NewsRow, Store
from remote.protocol import parse

_LEAST_PAUSE = 0.1
"""Seconds between two writes. What happens meanwhile is written together, the newest of each kind."""
_STATUS_SECONDS = 10.0
"""Seconds between two statuses that are written, unless the engine's stage has changed."""
_TRUST_SECONDS = 10.0
"""Seconds after which a follower believes that a box is stopped, although the holder has not tried the box
since the follower began."""
_OF_THE_RUN = (HandingOver.type, HandedOver.type)
"""The kinds of news that count the jobs of the holder's own run."""
_ERRORS = {
    kind.__name__: kind
    for kind in (BoxError, BoxRefusedLogin, BoxUntrusted, BoxUnusable, ConfigError, InputError)
}
"""The errors that stop a box. The exit code depends on the class."""


@dataclass(frozen=True)
class _StoredError:
    """Why a box is stopped."""

    kind: str
    problem: str
    remedy: str

    def error(self) -> UpsampleError:
        """Make the error that was raised."""
        return _ERRORS.get(self.kind, UpsampleError)(self.problem, self.remedy)


@dataclass(frozen=True)
class _StoredLink:
    """The state of a link, as the queue's file has it."""

    box: str
    state: str
    detail: str
    retry_in: float
    silent_for: float
    error: _StoredError | None = None
    """Set when the link is stopped."""

    def event(self, age: float) -> LinkChanged:
        """Make the event, with the seconds as they are `age` seconds after it happened."""
        return LinkChanged(
            self.box,
            LinkState(self.state),
            self.detail,
            max(0.0, self.retry_in - age),
            self.silent_for and self.silent_for + age,
        )


class NewsWriter:
    """Hears the events of this process, and writes the newest state of each box. Use `writing_news`."""

    def __init__(self, store: Store, holder: str) -> None:
        """`holder` is the mark of this process."""
        self._store = store
        self._holder = holder
        self._unwritten: dict[tuple[str, str], NewsRow] = {}
        self._has_news = asyncio.Event()
        self._status: dict[str, tuple[str, float]] = {}
        """By box: the stage in the status that was taken last, and when that was (monotonic)."""

    def hear(self, event: Event, stopped_by: UpsampleError | None = None) -> None:
        """Take note of an event that is about a box. `stopped_by` is why the box is stopped."""
        match event:
            case LinkChanged():
                if event.state not in (LinkState.LIVE, LinkState.STALE):
                    self._forget_engine(event.box)
                if event.state is LinkState.CLOSED:
                    self._note_hand_over(event.box, None)
                self._note(event.box, event.type, _link_text(event, stopped_by))
            case EngineStarting():
                self._note(event.box, event.type, json.dumps(event_json(event)))
            case HandingOver() | HandedOver():
                self._note_hand_over(event.box, event)
            case BoxStatus() if self._is_due(event):
                self._status[event.box] = (event.stage, time.monotonic())
                self._note(event.box, event.type, json.dumps(event_json(event)))

    async def write(self) -> None:
        """Write the news as they come, until this task is cancelled."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            news, self._unwritten = self._unwritten, {}
            # Looking on is a convenience: when the file cannot be written, the work itself says so.
            with contextlib.suppress(QueueError):
                await asyncio.to_thread(self._store.put_news, self._holder, news.values())
            await asyncio.sleep(_LEAST_PAUSE)

    def _is_due(self, status: BoxStatus) -> bool:
        stage, noted = self._status.get(status.box, ("", 0.0))
        return stage != status.stage or time.monotonic() - noted > _STATUS_SECONDS

    def _forget_engine(self, box: str) -> None:
        """Remove what is known of a box's engine, because without a link it may do something else."""
        self._status.pop(box, None)
        for kind in (EngineStarting.type, BoxStatus.type):
            self._note(box, kind, "")

    def _note_hand_over(self, box: str, event: HandingOver | HandedOver | None) -> None:
        for kind in _OF_THE_RUN:
            self._note(box, kind, "")
        if event is not None:
            self._note(box, event.type, json.dumps(event_json(event)))

    def _note(self, box: str, kind: str, text: str) -> None:
        self._unwritten[box, kind] = NewsRow(box, kind, text, time.time())
        self._has_news.set()


def _link_text(event: LinkChanged, stopped_by: UpsampleError | None) -> str:
    if stopped_by is None:
        return json.dumps(event_json(event))
    error = {
        "kind": type(stopped_by).__name__,
        "problem": stopped_by.problem,
        "remedy": stopped_by.remedy,
    }
    return json.dumps(event_json(event) | {"error": error})


@contextlib.contextmanager
def writing_news(store: Store, holder: str) -> Iterator[NewsWriter]:
    """Make the writer of this process, whose mark is `holder`; the block runs its `write` beside the work.

    Removes the news of earlier holders at the beginning, and its own at the end.
    """
    store.clear_news()
    try:
        yield NewsWriter(store, holder)
    finally:
        with contextlib.suppress(QueueError):
            store.clear_news()


class NewsReader:
    """Reports what the holder of the dispatcher lock says of one box, for a run that has jobs of its own."""

    def __init__(self, store: Store, box: str, watch: Callable[[Event], None]) -> None:
        """`watch` is called with every event, on the event loop."""
        self._store = store
        self._box = box
        self._watch = watch
        self._holder = ""
        self._since = 0.0
        """When this holder was met (monotonic)."""
        self._old: frozenset[NewsRow] = frozenset()
        """What the holder had said before that."""
        self._known: frozenset[NewsRow] = frozenset()

    async def report(self, holder: str) -> None:
        """Report what is new since the last call, from the holder with this mark.

        Raises the error that has stopped the box. A box that was stopped before is first tried again: the
        user may have changed what was wrong.
        """
        news = await asyncio.to_thread(self._store.news, self._box, holder)
        if holder != self._holder:
            self._holder, self._since, self._known = holder, time.monotonic(), frozenset()
            self._old = frozenset(news)
            await asyncio.to_thread(self._store.ask_to_try, self._box)
        heard = self._known.intersection(news)
        for row in news:
            if row in heard or row.kind in _OF_THE_RUN:
                continue
            event, stopped_by = _read(row)
            if stopped_by is not None and not self._believes(row):
                continue
            heard |= {row}
            self._watch(event)
            if stopped_by is not None:
                raise stopped_by.error()
        self._known = heard

    def _believes(self, row: NewsRow) -> bool:
        """Whether the box is still stopped, as this row says."""
        return row not in self._old or time.monotonic() - self._since > _TRUST_SECONDS


class AllNewsReader:
    """Reports what the holder of the dispatcher lock says of every box, for an app that follows it."""

    def __init__(self, store: Store, watch: Callable[[Event], None]) -> None:
        """`watch` is called with every event, on the event loop."""
        self._store = store
        self._watch = watch
        self._holder = ""
        self._known: frozenset[NewsRow] = frozenset()
        self._boxes: set[str] = set()
        """The boxes of which something was told."""

    async def report(self, holder: str) -> None:
        """Report what is new since the last call, from the holder with this mark."""
        news = await asyncio.to_thread(self._store.news_of_all, holder)
        if holder != self._holder:
            self.close()
            self._holder = holder
        known, self._known = self._known, frozenset(news)
        for row in news:
            self._boxes.add(row.box)
            if row not in known:
                event, _ = _read(row)
                self._watch(event)

    def close(self) -> None:
        """Report the links of these boxes as closed, because the holder has ended."""
        boxes, self._boxes, self._known = self._boxes, set(), frozenset()
        for box in sorted(boxes):
            self._watch(LinkChanged(box, LinkState.CLOSED, ""))


def _read(row: NewsRow) -> tuple[Event, _StoredError | None]:
    """Return the event of a row, and why the box is stopped, if it is."""
    value = json.loads(row.event)
    match row.kind:
        case EngineStarting.type:
            return parse(EngineStarting, value), None
        case BoxStatus.type:
            return parse(BoxStatus, value), None
        case HandingOver.type:
            return parse(HandingOver, value), None
        case HandedOver.type:
            return parse(HandedOver, value), None
    link = parse(_StoredLink, value)
    return link.event(max(0.0, time.time() - row.time)), link.error
