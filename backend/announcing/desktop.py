"""Shows the desktop's own notification, by a library that comes with the extra `desktop`."""

from __future__ import annotations

import asyncio
import logging

_LONGEST_WAIT = 5.0
"""Seconds that the desktop may take."""


async def notify_desktop(text: str) -> str:
    """Show a notification with this text. Returns why that did not work; nothing where it did."""
    try:
        from desktop_notifier import DesktopNotifier
    except ImportError:
        return (
            "announce.desktop: the desktop's notification needs the extra `desktop`: "
            'pip install "cosmos-upsample[desktop]"'
        )
    # Its warnings would be written over the screen; what went wrong is returned instead.
    logger = logging.getLogger("desktop_notifier")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    shown = asyncio.Event()
    try:
        async with asyncio.timeout(_LONGEST_WAIT):
            notifier = DesktopNotifier(app_name="upsample", app_icon=None)
            await notifier.send(title="upsample", message=text, on_dispatched=shown.set)
    except TimeoutError:
        return f"announce.desktop: the desktop did not answer within {_LONGEST_WAIT:.0f} s"
    if not shown.is_set():
        return "announce.desktop: no desktop here shows notifications (is there a session bus?)"
    return ""
