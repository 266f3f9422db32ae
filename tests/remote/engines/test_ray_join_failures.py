"""Why a cluster cannot be joined is said in words, with what to do."""

from __future__ import annotations

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
            "Python 3.12.1",
            True,
        ),
        (
            "ConnectionError: Failed to connect to Ray cluster at head:6379",
            "head:6379",
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN on",
            False,
        ),
        ("AuthenticationError: Invalid auth token", "auto", "refuses the token of", True),
        (
            "ConnectionError: Could not find any running Ray instance. Please specify",
            "auto",
            "no Ray runs on",
            False,
        ),
        ("cannot connect: Connection refused", "head:6379", "no Ray answers at head:6379 (", False),
        ("No module named 'ray'", "", "ray.python of the box has no Ray on", True),
        ("RuntimeError: the store needs more memory", "", "Ray does not start on", False),
    ],
)
def test_the_reason_is_told_with_what_to_do(
    told: str, address: str, words: str, for_good: bool
) -> None:
    said, is_for_good = explain(told, address)
    assert words in said
    assert is_for_good is for_good
