"""Which of the specs that a user chose can be queued, as which orders, and why the others cannot.

Only decides: nothing is printed, queued or written here, so that `--no-ui` and the app say the same.
What it costs is in `backend.planning.summary`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.errors import MediaError, ResultError
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Plan
from backend.results.writing import check_destination, is_own_result
from backend.specs.model import Spec
from backend.store import Order, Store


class Ground(StrEnum):
    """What kind of reason a spec is refused for; the value is how a group of them is called."""

    UPSAMPLED = "upsampled already"
    OCCUPIED = "would replace a file"
    EXCEEDS = "too long for the context"
    UNREADABLE = "with a video that cannot be read"
    OTHER = "refused for another reason"

    @property
    def helped_by_force(self) -> bool:
        """Whether `force` takes it all the same."""
        return self in (Ground.UPSAMPLED, Ground.OCCUPIED)


@dataclass(frozen=True, slots=True)
class RefusedSpec:
    """A spec, or one of its results, that is not queued."""

    spec: Spec
    ground: Ground
    reason: str
    """In words, with what to do where that is known."""


@dataclass(frozen=True, slots=True)
class AdmittedSpec:
    """A spec that can be queued."""

    spec: Spec
    orders: tuple[Order, ...]
    """One for each candidate whose result has a place."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What becomes of the specs of one batch. Whether each fits the context is not part of it."""

    accepted: tuple[AdmittedSpec, ...]
    refused: tuple[RefusedSpec, ...]
    """In the order of the specs; one for each result that has no place."""

    @property
    def orders(self) -> list[Order]:
        """All that can be queued."""
        return [order for accepted in self.accepted for order in accepted.orders]


def assess(
    specs: Iterable[Spec], named: Sequence[Path], batch: Batch, store: Store, *, force: bool
) -> Assessment:
    """Decide what becomes of each spec. `named` are the paths that the user gave. Blocks.

    With `force`, what is upsampled already is taken again and files that are there are replaced.
    """
    usable, upsampled = choose_usable(specs, store, force=force)
    placed = find_places(usable, named, batch, store, force=force)
    return Assessment(placed.accepted, (*upsampled, *placed.refused))


def choose_usable(
    specs: Iterable[Spec], store: Store | None, *, force: bool
) -> tuple[list[Spec], list[RefusedSpec]]:
    """The specs to upsample, and those that are upsampled already, by their own word or because we
    wrote them. `store` is None when there is no queue yet, and so no result of ours.
    """
    usable: list[Spec] = []
    refused: list[RefusedSpec] = []
    upsampled = _Upsampled(store)
    for spec in specs:
        reason = "" if force else upsampled.reason(spec)
        if reason:
            refused.append(RefusedSpec(spec, Ground.UPSAMPLED, reason))
        else:
            usable.append(spec)
    return usable, refused


def find_places(
    specs: Sequence[Spec], named: Sequence[Path], batch: Batch, store: Store, *, force: bool
) -> Assessment:
    """The orders for these specs whose results may go where they should."""
    accepted: list[AdmittedSpec] = []
    refused: list[RefusedSpec] = []
    orders = iter(make_jobs(specs, named, batch))
    troubles: dict[Path, str] = {}
    for spec in specs:
        kept: list[Order] = []
        for _ in range(batch.candidates):
            order = next(orders)
            if order.destination not in troubles:
                troubles[order.destination] = _trouble(store, order, force=force)
            if trouble := troubles[order.destination]:
                refused.append(RefusedSpec(spec, Ground.OCCUPIED, trouble))
            else:
                kept.append(order)
        if kept:
            accepted.append(AdmittedSpec(spec, tuple(kept)))
    return Assessment(tuple(accepted), tuple(refused))


def refused_by_plan(spec: Spec, plan: Plan) -> RefusedSpec | None:
    """Why the spec would fail before it is sent; None when it would not."""
    if plan.refusal is None:
        return None
    ground = Ground.OTHER
    if isinstance(plan.refusal, MediaError):
        ground = Ground.UNREADABLE
    elif plan.budget is not None and not plan.budget.fits:
        ground = Ground.EXCEEDS
    return RefusedSpec(spec, ground, str(plan.refusal))


def require_writable(folder: Path) -> None:
    """Find out before the work and not after it. Makes the folder; raises ResultError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ResultError(
            f"the folder for results, {folder}, cannot be written: {error.strerror}",
            "Choose another --save-dir.",
        ) from error


class _Upsampled:
    """Knows which prompts are upsampled already."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._is_result: dict[Path, bool] = {}

    def reason(self, spec: Spec) -> str:
        """Why the spec need not be upsampled; empty when it should be."""
        if spec.is_upsampled:
            return "it says that its prompt is upsampled already"
        if self._store is None:
            return ""
        # Most formats cannot say so, and the folder for results is often below the one that is named.
        if spec.file not in self._is_result:
            self._is_result[spec.file] = is_own_result(self._store, spec.file.absolute())
        return "it is a result of upsample" if self._is_result[spec.file] else ""


def _trouble(store: Store, order: Order, *, force: bool) -> str:
    try:
        check_destination(store, order.destination, order.file, force=force)
    except ResultError as error:
        return str(error)
    return ""
