"""A fault within a process, which that process brings about itself; see `tests.faults.inside`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tests.faults.kind import Hit


@dataclass(frozen=True)
class Obey:
    """Something within a process; it tells itself when it happens."""

    role: str
    point: str
    match: str
    when: str
    nth: int = 0
    errno: str = ""
    times: int = 1
    seconds: float = 0.0

    async def do(self, hit: Hit, number: int) -> bool:
        orders = hit.house.site.orders_for(self.role)
        if orders.is_open(self.role):
            return False
        orders.give(self.role, {"id": number, **asdict(self)})
        return True
