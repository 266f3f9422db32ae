"""What a box said: each size as it counted it, and the largest one that it takes."""

from __future__ import annotations

from dataclasses import dataclass

from backend.limits.reply import Reply, ReplyOutcome
from backend.sizes import AspectRatio, Size
from backend.tokens import Budget


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """One size, by our count and by the box's."""

    name: str
    size: Size | None
    """None for the prompt alone."""
    frames: int
    budget: Budget
    """By our count, with the answer that was asked for."""
    reply: Reply

    @property
    def difference(self) -> int | None:
        """Prompt tokens that the box counted more than we did; None when it did not say."""
        told = self.reply.prompt_tokens
        return None if told is None else told - self.budget.prompt_tokens

    @property
    def agrees(self) -> bool:
        """Whether the box took it as we reckoned, and counted as we did; an upper estimate may be above."""
        as_reckoned = (self.reply.outcome is ReplyOutcome.ACCEPTED) is self.budget.fits
        if self.reply.outcome is ReplyOutcome.FAILED or not as_reckoned:
            return False
        return not self.difference or (self.budget.estimated and self.difference < 0)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The largest sizes of one aspect ratio, as the box has them."""

    aspect: AspectRatio
    frames: int
    estimated: Size | None
    """The largest that leaves one token for the answer, by our count; None for none."""
    accepted: Size | None
    """The largest that was accepted; None when none was."""
    accepted_tokens: int | None
    """Prompt tokens at that size, as the box counted them."""
    refused: Size | None
    """The next one, which was refused; None when there is none above."""
    sent: Size | None
    """The largest that leaves what the settings keep for the answer: what is sent. None for none."""
    sent_reply: Reply | None
    """What the box said to that, asked for so long an answer; None when it was not asked."""
    trouble: str = ""
    """Why it could not be found out; empty when it was."""

    @property
    def is_confirmed(self) -> bool:
        """Whether the box's largest size is the one that we reckon with, and it takes what is sent."""
        sent = self.sent_reply is None or self.sent_reply.outcome is ReplyOutcome.ACCEPTED
        return not self.trouble and sent and self.accepted == self.estimated


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a box said."""

    box: str
    model: str
    profile: str
    engine: str
    """Name and version, as in its answers; empty when it gave none."""
    ended: float
    """Unix time."""
    max_model_len: int
    reserve: int
    prompt: str
    rows: tuple[MeasuredSize, ...]
    """The prompt alone first."""
    confirmed: tuple[Confirmed, ...]
    keeps_room: bool | None
    """Whether the box refuses a prompt that leaves less for the answer than was asked for. One that does
    not cuts the answer off where the context ends. None when it could not be found out."""

    @property
    def largest_error(self) -> int | None:
        """Of all rows, in tokens and without its sign; None when the box does not count."""
        told = [abs(row.difference) for row in self.rows if row.difference is not None]
        return max(told, default=None)

    @property
    def agreeing(self) -> int:
        """Rows that came out as reckoned."""
        return sum(row.agrees for row in self.rows)

    @property
    def is_as_reckoned(self) -> bool:
        """Whether every row and every largest size did."""
        return self.agreeing == len(self.rows) and all(c.is_confirmed for c in self.confirmed)
