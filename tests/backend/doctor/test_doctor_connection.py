"""What an error on the way says of each stage, and what two clocks say of each other."""

from __future__ import annotations

import pytest

from backend.box.links.link import Box
from backend.doctor.connection import describe_clock, describe_no_connection
from backend.errors import BoxError, BoxRefusedLogin, BoxUnreachable, BoxUntrusted
from remote.protocol import Setup

BOX = Box("h100", "gpu-box", Setup("/x", "sketch", "", idle_timeout=60))


@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (BoxUnreachable("no"), ["failed", "skipped", "skipped"]),
        (BoxUntrusted("no"), ["ok", "failed", "skipped"]),
        (BoxRefusedLogin("no"), ["ok", "ok", "failed"]),
    ],
)
def test_an_error_tells_how_far_the_connection_came(error: BoxError, verdicts: list[str]) -> None:
    *stages, rest = describe_no_connection(BOX, error)
    assert [finding.name for finding in stages] == ["connection", "host key", "login"]
    assert [finding.verdict for finding in stages] == verdicts
    assert (rest.area, rest.verdict) == ("box", "skipped")
    assert all(finding.remedy for finding in stages if finding.verdict == "failed")


@pytest.mark.parametrize(
    ("there", "verdict", "detail"),
    [
        (1003.0, "ok", "within 5 s"),
        (1060.0, "warning", "60 s ahead of"),
        (400.0, "warning", "600 s behind"),
    ],
)
def test_a_clock_that_is_off_is_a_warning(there: float, verdict: str, detail: str) -> None:
    finding = describe_clock(there, 1000.0)
    assert finding.verdict == verdict
    assert detail in finding.detail
