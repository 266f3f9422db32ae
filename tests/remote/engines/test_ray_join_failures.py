"""Why a cluster cannot be joined is said in words, with what to do."""

from __future__ import annotations

import socket

import pytest

from remote.engines.ray.join_failures import explain


@pytest.mark.parametrize(
    ("told", "address", "words", "for_good"),
    [
        (
            "RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.54.1\n    Python: "
            "3.11.2\nThis process on Ray was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n",
            "auto",
            "the cluster runs Ray 2.54.1 with Python 3.11.2, and ray.python of the box has Ray 2.60.0 with "
            "Python 3.12.1. On HERE, install ray==2.54.1 for a Python 3.11.2, and set ray.python",
            True,
        ),
        # Word by word as Ray 2.60.0 says it of a head that runs 2.58.0.
        (
            "RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.58.0\n    Python: "
            "3.11.7\nThis process on node 192.0.2.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n",
            "head:6379",
            "the cluster runs Ray 2.58.0 with Python 3.11.7, and ray.python of the box has Ray 2.60.0 with",
            True,
        ),
        (
            "ConnectionError: Failed to connect to Ray cluster at head:6379",
            "head:6379",
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN on",
            False,
        ),
        # Word by word as Ray 2.60.0 says it: without a token, and with a wrong one.
        (
            "AuthenticationError: RPC error: InvalidAuthToken: Authentication token is missing or incorrect. "
            "Note: RAY_AUTH_MODE is currently 'disabled' (not 'token'). Ensure that the token for",
            "head:6379",
            "the cluster at head:6379 wants a token, and HERE sends none. Set ray.address of the box to "
            '"auto", with',
            True,
        ),
        (
            "AuthenticationError: RPC error: InvalidAuthToken: Authentication token is missing or incorrect. "
            "Ensure that the token for the cluster is available",
            "head:6379",
            "the cluster at head:6379 refuses the token of HERE. Put the cluster's token into "
            "~/.ray/auth_token on HERE",
            True,
        ),
        (
            "AuthenticationError: Invalid auth token",
            "auto",
            "the Ray of HERE refuses the token of",
            True,
        ),
        (
            "ConnectionError: Could not find any running Ray instance. Please specify",
            "auto",
            "no Ray runs on",
            False,
        ),
        (
            "cannot connect: [Errno 111] Connection refused",
            "head:6379",
            "no Ray answers at head:6379 (cannot connect: [Errno 111] Connection refused). Start its head "
            "there (ray start --head --port=6379), or set ray.address",
            False,
        ),
        ("cannot connect: timed out", "head:6379", "no Ray answers at head:6379 (", False),
        ("No module named 'ray'", "", "ray.python of the box has no Ray on", True),
        ("RuntimeError: the store needs more memory", "", "Ray does not start on", False),
    ],
)
def test_the_reason_is_told_with_what_to_do(
    told: str, address: str, words: str, for_good: bool
) -> None:
    said, is_for_good = explain(told, address)
    assert words.replace("HERE", socket.gethostname()) in said
    assert is_for_good is for_good
