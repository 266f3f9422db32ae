"""Rows of tables, whose specs are packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.specs.packs import PACKED_KIND, Pack
from tui.specs.rows import Row

if TYPE_CHECKING:
    from backend.planning.history import LatestJob
    from backend.planning.plan import Plan
    from backend.specs.model import Kind, Spec


class PackedRow(Row):
    """A row whose spec is packed. It is made for each use, and keeps what it is told in the pack."""

    __slots__ = ("_pack",)

    def __init__(self, pack: Pack, number: int) -> None:
        self._pack = pack
        self.number = number

    @property
    def source(self) -> Pack:
        return self._pack

    @property
    def spec(self) -> Spec:
        return self._pack.spec(self.number)

    @property
    def kind(self) -> Kind:
        return PACKED_KIND

    @property
    def prompt(self) -> str:
        return self._pack.prompt(self.number)

    @property
    def video(self) -> str:
        return self._pack.video(self.number)

    @property
    def haystack(self) -> str:
        return self._pack.haystack(self.number)

    @property
    def place(self) -> tuple[str, int]:
        return self._pack.place(self.number)

    @property
    def upsampled(self) -> bool:
        return self._pack.is_result or self._pack.is_upsampled(self.number)

    @property
    def plan(self) -> Plan | None:
        return self._pack.plan(self.number)

    @plan.setter
    def plan(self, plan: Plan | None) -> None:
        self._pack.take_plan(self.number, plan)

    @property
    def job(self) -> LatestJob | None:
        return self._pack.jobs.get(self.number)

    @job.setter
    def job(self, job: LatestJob | None) -> None:
        if job is None:
            self._pack.jobs.pop(self.number, None)
        else:
            self._pack.jobs[self.number] = job

    @property
    def is_result(self) -> bool:
        return self._pack.is_result

    @is_result.setter
    def is_result(self, is_result: bool) -> None:
        self._pack.is_result = is_result
