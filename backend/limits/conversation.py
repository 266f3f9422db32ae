"""Asks questions of the model on a box. Each question is an ordinary request.

Questions do not go through the user's queue, because a measurement must not appear among the jobs and
results. Everything else is as for a batch: link, runner, daemon, journal, engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backend.box.asker import Asker
from backend.box.links.link import FROM_NOW_ON, Box, JournalCursor, Link
from backend.box.links.reconnect import LinkKeeper
from backend.dispatch.sending.courier import Courier, End, Recipient
from backend.dispatch.sending.flight import Flight, Flights, Parcel
from backend.errors import first_of
from backend.events import LinkChanged, LinkState
from backend.limits.reply import Reply, ReplyOutcome
from backend.troubles import PROMPT_TOO_LONG, translate
from remote.protocol import (
    Cancelled,
    EngineStage,
    Failed,
    Finished,
    FromBox,
    ProtocolError,
    Refused,
    Submit,
)


class Conversation(Recipient[Parcel]):
    """Asks a box, over one link after the other. `open_conversation` starts it."""

    def __init__(self, box: Box, tell: Callable[[str], None]) -> None:
        """`tell` gets the state of the link and of the engine, in a few words."""
        self._box = box
        self._tell = tell
        self._questions: asyncio.Queue[Submit] = asyncio.Queue()
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        """The reply to each question that was asked, by request id."""
        self._flights: Flights[Parcel] = Flights()

    async def ask(self, message: Submit) -> Reply:
        """Send a request, and wait for the reply without a time limit."""
        if message.job not in self._replies:
            self._replies[message.job] = asyncio.get_running_loop().create_future()
            self._questions.put_nowait(message)
        return await self._replies[message.job]

    async def follow(self, asker: Asker) -> None:
        """Keep a link to the box until cancelled. Raises BoxError when the box cannot be used."""
        courier = Courier(self._box.name, self._flights, self)

        async def how_far() -> JournalCursor:
            return FROM_NOW_ON

        async def visit(link: Link, _seen: JournalCursor) -> None:
            await courier.visit(link)

        keeper = LinkKeeper(self._box, asker, self._tell_of_link, look=False)
        await keeper.keep(how_far, visit)

    async def next_flight(self) -> Flight[Parcel]:
        """Wait for the next question."""
        question = await self._questions.get()
        flight = Flight(question.job, Parcel(question))
        self._flights.add(flight)
        return flight

    async def hear_unsendable(self, flight: Flight[Parcel], error: OSError | ProtocolError) -> None:
        """Close a question that is too large to send."""
        self._close(flight, Reply(ReplyOutcome.FAILED, words=str(error)))

    async def hear_end(self, flight: Flight[Parcel], end: End) -> None:
        """Close a question with the box's reply."""
        match end:
            case Finished():
                answer = end.answer
                accepted = Reply(ReplyOutcome.ACCEPTED, answer.prompt_tokens, answer.engine)
                self._close(flight, accepted)
            case Failed() | Refused():
                self._close(flight, _make_failed_reply(end.message))
            case Cancelled():
                self._close(flight, Reply(ReplyOutcome.FAILED, words="somebody cancelled it"))

    async def hear_of_moment(self, message: FromBox) -> None:
        """Tell of the engine's start."""
        if isinstance(message, EngineStage):
            self._tell(f"{self._box.name} · {message.stage}")

    def _close(self, flight: Flight[Parcel], reply: Reply) -> None:
        self._flights.remove(flight)
        if not self._replies[flight.identity].done():
            self._replies[flight.identity].set_result(reply)

    def _tell_of_link(self, changed: LinkChanged) -> None:
        match changed.state:
            case LinkState.CONNECTING:
                self._tell(f"connecting to {self._box.name}")
            case LinkState.LIVE:
                self._tell(f"{self._box.name} · {changed.detail}")
            case LinkState.STALE:
                self._tell(f"{self._box.name} · silent for {changed.silent_for:.0f} s")
            case LinkState.RETRYING:
                self._tell(f"{changed.detail}; trying again in {changed.retry_in:.0f} s")


@asynccontextmanager
async def open_conversation(
    box: Box, asker: Asker, tell: Callable[[str], None]
) -> AsyncIterator[Conversation]:
    """Start a conversation with a box. It ends with the block, and open questions are then abandoned.

    Raises BoxError out of the block when the box cannot be reached, trusted or used.
    """
    talk = Conversation(box, tell)
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(talk.follow(asker))
            yield talk
            following.cancel()
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


def _make_failed_reply(words: str) -> Reply:
    trouble = translate(words)
    if trouble is None or trouble.id != PROMPT_TOO_LONG:
        return Reply(ReplyOutcome.FAILED, words=words)
    return Reply(ReplyOutcome.REFUSED, trouble.prompt_tokens, words=words)
