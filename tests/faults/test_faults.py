"""A fixed share of `make faults`: every kind of fault once, and nothing is lost, doubled or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.kinds import KINDS
from tests.support.sshd import find_sshd

_SEED = 20251125


@pytest.mark.timeout(1200)
async def test_every_kind_of_fault_is_survived_with_each_result_once_and_right(
    tmp_path: Path,
) -> None:
    find_sshd()
    told: list[str] = []
    campaign = Campaign(len(KINDS), _SEED, tmp_path / "evidence", fields=2, say=told.append)
    await campaign.run()
    assert campaign.tally.troubles == [], "\n".join(told)
    assert campaign.tally.injected >= len(KINDS) - 2, "\n".join(told)  # no disk may be mountable
