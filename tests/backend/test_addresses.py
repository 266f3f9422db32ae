"""A path holds an address, and gives back one that leads to the same file."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.addresses import address_of, is_address, path_of_address, spelled


@pytest.mark.parametrize(
    ("written", "back"),
    [
        ("https://example.com/a/clip.mp4", None),
        ("https://example.com:8443/clip.mp4?token=a%2Fb&x=1#t=3", None),
        ("https://[2606:4700::1]/clip.mp4", None),
        ("https://example.com", None),
        ("HTTPS://example.com/a", "https://example.com/a"),
        ("https:/example.com/a", "https://example.com/a"),
        ("https:////example.com/a", "https://example.com/a"),
        ("https://example.com/a//b.mp4", "https://example.com/a/%2Fb.mp4"),
        (
            "https://example.com/a.mp4?at=https://b/./c/",
            "https://example.com/a.mp4?at=https:%2F%2Fb%2F.%2Fc%2F",
        ),
        ("https://example.com/a/../b.mp4", None),
    ],
)
def test_an_https_address_comes_back(written: str, back: str | None) -> None:
    assert is_address(written)
    held = path_of_address(written)
    assert address_of(held) == spelled(held) == (back or written)
    assert address_of(Path(str(held))) == (back or written)


@pytest.mark.parametrize(
    "path",
    [
        "clip.mp4",
        "/data/https:/example.com/a",
        "s3:/bucket/a",
        "http:/a/b",
        "https:clip.mp4",
        "C:/a",
    ],
)
def test_other_paths_hold_none(path: str) -> None:
    assert address_of(Path(path)) is None
    assert spelled(Path(path)) == path
