"""`TerminalAsker` by its former address, for `backend.commands.limits`."""

from __future__ import annotations

from backend.box.asker import TerminalAsker

__all__ = ["TerminalAsker"]
