"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct

_CREDENTIALS = struct.Struct("3i")
"""Process, user and group, as Linux tells them."""


def is_another_user(peer: socket.socket) -> bool:
    """Whether somebody else than we connected. Where the system does not tell, the folder of the socket,
    which is ours alone, must do.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return False
    told = peer.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(told)
    return bool(user != os.getuid())
