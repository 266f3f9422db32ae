"""Tells a user who looks elsewhere that a batch is over, or that a box needs a word of theirs."""

from backend.announcing.announcer import Announcer
from backend.announcing.batch_watch import BatchWatch

__all__ = ["Announcer", "BatchWatch"]
