"""A fixed share of `make faults`: every kind of fault comes, and nothing is lost, doubled or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.kinds import KINDS
from tests.support.sshd import find_sshd

_FAULTS = 60
_SEED = 20251125


@pytest.mark.campaign
@pytest.mark.timeout(1200)
async def test_every_kind_of_fault_is_survived_with_each_result_once_and_right(
    tmp_path: Path,
) -> None:
    find_sshd()
    told: list[str] = []
    assert len(KINDS) <= _FAULTS
    campaign = Campaign(_FAULTS, _SEED, tmp_path / "evidence", fields=2, say=told.append)
    await campaign.run()
    assert campaign.tally.troubles == [], "\n".join(told)
    if not any("no small disk can be mounted" in line for line in told):
        # A batch may meet more than it was to: the last one goes on to its end.
        assert campaign.tally.injected >= _FAULTS, "\n".join(told)
