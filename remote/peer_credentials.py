"""Finds out which user is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct

_CREDENTIALS = struct.Struct("3i")
"""The ids of process, user and group, as Linux reports them (SO_PEERCRED)."""


def is_another_user(peer: socket.socket) -> bool:
    """Return whether another user of this machine connected.

    Where the system cannot report that, the answer is False; then the socket's folder, which is closed to
    other users, is the only protection.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return False
    told = peer.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(told)
    return bool(user != os.getuid())
