"""The widths of a window from which the page of specs changes."""

from __future__ import annotations

from tui.widgets import page

HAS_ROOM = "-three-columns"
"""The class of a screen that is wide enough for the third column."""
WIDTHS = [*page.WIDTHS, (180, HAS_ROOM)]
"""The class from each width on."""
