"""Says why a cluster cannot be joined, and what to do, by what Ray says of it."""

from __future__ import annotations

import re
import socket

_VERSIONS = re.compile(r"Ray: (\S+).*?Python: (\S+)", re.S)
_LONGEST = 400


def explain(told: str, address: str) -> tuple[str, bool]:
    """Return the reason with its remedy, and whether nobody can join until somebody changes something.

    `told` is the text of Ray's exception, `address` the setting; empty for a Ray of our own.
    """
    here = socket.gethostname()
    lower = told.lower()
    if "version mismatch" in lower or "different version" in lower:
        found = _VERSIONS.findall(told)
        theirs = f"Ray {found[0][0]} with Python {found[0][1]}" if found else "another version"
        ours = f"Ray {found[1][0]} with Python {found[1][1]}" if len(found) > 1 else "another one"
        return (
            f"the cluster runs {theirs}, and ray.python of the box has {ours}. Set ray.python to a "
            "Python with the cluster's versions",
            True,
        )
    if any(
        word in lower for word in ("authenticat", "unauthorized", "auth token", "permission_denied")
    ):
        return (
            f"the cluster refuses the token of {here}. Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or put "
            "the cluster's token into ~/.ray/auth_token there",
            True,
        )
    if "failed to connect to ray cluster" in lower:
        # That something listens there was found out before.
        return (
            f"something listens at {address} and does not let {here} in. If the cluster wants a token, set "
            f"RAY_AUTH_MODE=token and RAY_AUTH_TOKEN on {here}, or put it into ~/.ray/auth_token there; "
            "otherwise that is no head of a Ray",
            False,
        )
    if "could not find any running ray instance" in lower:
        return (
            f'no Ray runs on {here}, and ray.address is "auto". Start Ray there (ray start --head), or '
            'set ray.address to "HOST:6379", or to "" for a Ray that the box starts itself',
            False,
        )
    if (
        "this node has an ip address" in lower
        or "no node in the cluster" in lower
        or "raylet" in lower
    ):
        return (
            f"{here} is no node of the cluster at {address}. On {here}: ray start --address={address}, or "
            "set the box's host to a node of the cluster",
            False,
        )
    if "no module named 'ray'" in lower:
        return (
            f"ray.python of the box has no Ray on {here}. Set it to a Python that has "
            '(pip install ray), as in "~/ray/bin/python"',
            True,
        )
    cause = " ".join(told.split())[:_LONGEST]
    if not address:
        return f"Ray does not start on {here}: {cause or 'it does not say why'}", False
    place = (
        f"no Ray answers at {address}"
        if address != "auto"
        else f"the Ray of {here} does not answer"
    )
    return (
        f"{place}{f' ({cause})' if cause else ''}. Is its head running, and is ray.address of the box right",
        False,
    )
