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
        return _versions_words(_VERSIONS.findall(told), here), True
    if any(
        word in lower for word in ("authenticat", "unauthorized", "auth token", "permission_denied")
    ):
        return _token_words(address, here, is_sent="currently 'disabled'" not in told), True
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
    if "refused" in lower and address != "auto":
        port = address.rpartition(":")[2]
        return (
            f"no Ray answers at {address} ({cause}). Start its head there (ray start --head "
            f"--port={port}), or set ray.address of the box to where it runs",
            False,
        )
    place = (
        f"no Ray answers at {address}"
        if address != "auto"
        else f"the Ray of {here} does not answer"
    )
    return (
        f"{place}{f' ({cause})' if cause else ''}. Is its head running, and is ray.address of the box right",
        False,
    )


def _versions_words(found: list[tuple[str, str]], here: str) -> str:
    """Say that versions differ; `found` are those of Ray and Python, the cluster's first and ours second."""
    if len(found) < 2:
        return (
            f"the cluster runs other versions than ray.python of the box on {here}. Set ray.python to a "
            "Python with the cluster's versions of Ray and Python"
        )
    (their_ray, their_python), (our_ray, our_python) = found[:2]
    return (
        f"the cluster runs Ray {their_ray} with Python {their_python}, and ray.python of the box has "
        f"Ray {our_ray} with Python {our_python}. On {here}, install ray=={their_ray} for a Python "
        f"{their_python}, and set ray.python of the box to that"
    )


def _token_words(address: str, here: str, *, is_sent: bool) -> str:
    """Say that a token is refused, or missing; Ray sends none to an address unless RAY_AUTH_MODE says so."""
    file = f"~/.ray/auth_token on {here}, as `ray get-auth-token` on its head tells it"
    if address == "auto":
        return f"the Ray of {here} refuses the token of {here}. Put the cluster's token into {file}"
    if is_sent:
        return (
            f"the cluster at {address} refuses the token of {here}. Put the cluster's token into {file}, "
            "or into RAY_AUTH_TOKEN"
        )
    return (
        f"the cluster at {address} wants a token, and {here} sends none. Set ray.address of the box to "
        f'"auto", with which Ray takes the token in ~/.ray/auth_token, or RAY_AUTH_MODE=token on {here}'
    )
