"""`open_user_queue` by its former address, for `backend.commands.limits`."""

from __future__ import annotations

from backend.commands.queue import open_user_queue

__all__ = ["open_user_queue"]
