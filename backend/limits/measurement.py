"""The results of a measurement: the tokens of each size as a box counts them, and the largest sizes."""

from __future__ import annotations

from dataclasses import dataclass

from backend.limits.reply import Reply, ReplyOutcome
from backend.sizes import AspectRatio, Size
from backend.tokens import Budget


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """One size, as we count it and as the box counts it."""

    name: str
    size: Size | None
    """None for the prompt alone."""
    frames: int
    budget: Budget
    """The budget by our count, with the length of the answer that was asked for."""
    reply: Reply

    @property
    def difference(self) -> int | None:
        """The prompt tokens by which the box counted more than we did; None when the box gave no number."""
        told = self.reply.prompt_tokens
        return None if told is None else told - self.budget.prompt_tokens

    @property
    def agrees(self) -> bool:
        """Whether the box accepted or refused the size as we expected, and counted the same tokens.

        An upper estimate may be greater than the box's count.
        """
        as_reckoned = (self.reply.outcome is ReplyOutcome.ACCEPTED) is self.budget.fits
        if self.reply.outcome is ReplyOutcome.FAILED or not as_reckoned:
            return False
        return not self.difference or (self.budget.estimated and self.difference < 0)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The largest sizes of one aspect ratio that the box accepts."""

    aspect: AspectRatio
    frames: int
    estimated: Size | None
    """By our count, the largest size that leaves one token for the answer; None for none."""
    accepted: Size | None
    """The largest size that the box accepted; None when it accepted none."""
    accepted_tokens: int | None
    """Prompt tokens at that size, as the box counted them."""
    refused: Size | None
    """The next larger size, which the box refused; None when there is none."""
    sent: Size | None
    """The size that is sent for users: the largest that keeps `reserve` tokens for the answer. None for
    none."""
    sent_reply: Reply | None
    """The box's reply to `sent` with an answer of that length; None when it was not asked."""
    trouble: str = ""
    """Why the largest size could not be found; empty when it was found."""

    @property
    def is_confirmed(self) -> bool:
        """Whether the box's largest size is the one that we expect, and the box accepts the size
        that is sent."""
        sent = self.sent_reply is None or self.sent_reply.outcome is ReplyOutcome.ACCEPTED
        return not self.trouble and sent and self.accepted == self.estimated


@dataclass(frozen=True, slots=True)
class Measurement:
    """The results of one measurement of a box."""

    box: str
    model: str
    profile: str
    engine: str
    """The engine's name and version, from its answers; empty when it gave none."""
    ended: float
    """The Unix time at which the measurement ended."""
    max_model_len: int
    reserve: int
    prompt: str
    rows: tuple[MeasuredSize, ...]
    """The sizes. The first row is the prompt without a picture."""
    confirmed: tuple[Confirmed, ...]
    keeps_room: bool | None
    """Whether the box refuses a prompt that leaves too little room for the answer. If not, it cuts the answer
    off at the end of the context. None when this could not be measured."""

    @property
    def largest_error(self) -> int | None:
        """The largest absolute difference of all rows, in tokens; None when the box counts no tokens."""
        told = [abs(row.difference) for row in self.rows if row.difference is not None]
        return max(told, default=None)

    @property
    def agreeing(self) -> int:
        """The number of rows that agree with our count."""
        return sum(row.agrees for row in self.rows)

    @property
    def is_as_reckoned(self) -> bool:
        """Whether every row and every largest size is as we expected."""
        return self.agreeing == len(self.rows) and all(c.is_confirmed for c in self.confirmed)
