"""A fixed share of `make faults ENGINE=ray`: whatever of a cluster dies, each result is there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cluster import LOST, ClusterCampaign

_FAULTS = 30
_SEED = 20251130


@pytest.mark.ray
@pytest.mark.timeout(1800)
async def test_every_kind_of_fault_on_a_cluster_is_survived_with_each_result_once_and_right(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    assert len(LOST) <= _FAULTS
    campaign = ClusterCampaign(_FAULTS, _SEED, tmp_path, told.append)
    await campaign.run()
    assert campaign.troubles == [], "\n".join(told)
