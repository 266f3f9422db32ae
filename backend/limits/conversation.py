"""Asks questions of the model on a box. Each question is an ordinary request.

Questions do not go through the user's queue, because a measurement must not appear among the jobs and
results. Everything else is as for a batch: link, runner, daemon, journal, engine. So a broken link is opened
again, and the box then sends the answers that were missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backend.box.asker import Asker
from backend.box.link import Box, JournalCursor, Link
from backend.box.reconnect import LinkKeeper
from backend.errors import BoxUnreachable, first_of
from backend.events import LinkChanged, LinkState
from backend.limits.reply import Reply, ReplyOutcome
from backend.troubles import PROMPT_TOO_LONG, translate
from remote.protocol import (
    Accepted,
    Cancelled,
    Durable,
    EngineStage,
    Failed,
    Finished,
    Refused,
    Submit,
)

_SENT_AHEAD = 2
"""Requests that may wait on the box in addition to those that it works on, as in the dispatcher."""


@dataclass(slots=True)
class _OpenQuestion:
    """A question that has no reply yet."""

    message: Submit
    reply: asyncio.Future[Reply]


@dataclass
class Conversation:
    """Asks a box, over one link after the other. `open_conversation` starts it."""

    box: Box
    tell: Callable[[str], None]
    """Gets the state of the link and of the engine, in a few words."""
    own: set[str] = field(default_factory=set)
    """The ids of this measurement's requests, including those that an earlier conversation has answered."""
    heard: JournalCursor | None = None
    """The position up to which the box's journal was read; None when it sent nothing."""
    _told_of: set[str] = field(default_factory=set)
    """The ids of the requests that the journal has mentioned."""
    _open: dict[str, _OpenQuestion] = field(default_factory=dict)
    """The questions without a reply, by request id, in the order in which they were asked."""
    _sent: set[str] = field(default_factory=set)
    """The ids of the requests that were sent over any link."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def only_own(self) -> bool:
        """Whether the journal has mentioned only requests of this measurement."""
        return self._told_of <= self.own

    async def ask(self, message: Submit) -> Reply:
        """Send a request, and wait for the reply without a time limit."""
        self.own.add(message.job)
        if message.job not in self._open:
            reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            self._open[message.job] = _OpenQuestion(message, reply)
            self._news.set()
        return await self._open[message.job].reply

    async def follow(self, asker: Asker, seen: JournalCursor) -> None:
        """Keep a link to the box until cancelled. Raises BoxError when the box cannot be used."""

        async def how_far() -> JournalCursor:
            return self.heard or seen

        keeper = LinkKeeper(self.box, asker, self._tell_of_link, look=False)
        await keeper.keep(how_far, self._visit)

    def _tell_of_link(self, changed: LinkChanged) -> None:
        match changed.state:
            case LinkState.CONNECTING:
                self.tell(f"connecting to {self.box.name}")
            case LinkState.LIVE:
                self.tell(f"{self.box.name} · {changed.detail}")
            case LinkState.STALE:
                self.tell(f"{self.box.name} · silent for {changed.silent_for:.0f} s")
            case LinkState.RETRYING:
                self.tell(f"{changed.detail}; trying again in {changed.retry_in:.0f} s")

    async def _visit(self, link: Link, _seen: JournalCursor) -> None:
        """Exchange messages over a link. Raises BoxUnreachable when the link ends."""
        sent_before = frozenset(self._sent)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(link))
                group.create_task(self._listen(link, sent_before))
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    async def _send(self, link: Link) -> None:
        """Send all open questions, also those that an earlier link has sent: the box ignores repeated ids."""
        sent: set[str] = set()
        while True:
            self._news.clear()
            sent.intersection_update(self._open)
            if len(sent) < link.welcome.slots + _SENT_AHEAD:
                unsent = (opened for job, opened in self._open.items() if job not in sent)
                if opened := next(unsent, None):
                    sent.add(opened.message.job)
                    self._sent.add(opened.message.job)
                    await link.send(opened.message)
                    continue
            await self._news.wait()

    async def _listen(self, link: Link, sent_before: frozenset[str]) -> None:
        """Receive replies.

        `sent_before` are the requests of earlier links; their replies may come over this one.
        """
        async for message in link.messages():
            if isinstance(message, (Accepted, Finished, Failed, Cancelled)):
                self._note_heard(link.welcome.journal, message)
                is_past = message.seq <= link.welcome.last
                if is_past and message.job not in sent_before and not isinstance(message, Finished):
                    continue  # the end of an earlier attempt; the request is sent again
            match message:
                case EngineStage():
                    self.tell(f"{self.box.name} · {message.stage}")
                case Finished():
                    answer = message.answer
                    self._close(
                        message.job,
                        Reply(ReplyOutcome.ACCEPTED, answer.prompt_tokens, answer.engine),
                    )
                case Failed() | Refused():
                    self._close(message.job, _make_failed_reply(message.message))
                case Cancelled():
                    self._close(
                        message.job, Reply(ReplyOutcome.FAILED, words="somebody cancelled it")
                    )
        raise BoxUnreachable(f"{self.box.name} hung up")

    def _note_heard(self, journal: str, message: Durable) -> None:
        self._told_of.add(message.job)
        self.heard = JournalCursor(journal, message.seq)

    def _close(self, job: str, reply: Reply) -> None:
        opened = self._open.pop(job, None)
        if opened is not None and not opened.reply.done():
            opened.reply.set_result(reply)
        self._news.set()


@asynccontextmanager
async def open_conversation(
    box: Box, asker: Asker, seen: JournalCursor, tell: Callable[[str], None]
) -> AsyncIterator[Conversation]:
    """Start a conversation with a box. It ends with the block, and open questions are then abandoned.

    Raises BoxError out of the block when the box cannot be reached, trusted or used.
    """
    talk = Conversation(box, tell)
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(talk.follow(asker, seen))
            yield talk
            following.cancel()
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


def _make_failed_reply(words: str) -> Reply:
    trouble = translate(words)
    if trouble is None or trouble.id != PROMPT_TOO_LONG:
        return Reply(ReplyOutcome.FAILED, words=words)
    return Reply(ReplyOutcome.REFUSED, trouble.prompt_tokens, words=words)
