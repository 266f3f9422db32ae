"""Decides which of the chosen specs can be queued, as which orders, and why the others are refused.

It only decides and does not print, queue or write anything, so that `--no-ui` and the app give the same
answer. `backend.planning.summary` computes what the orders cost.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from backend.config import Profile, load_profile
from backend.errors import InputError, MediaError, ResultError
from backend.files.without_links import open_folder
from backend.planning.orders import Batch, OrderMaker
from backend.planning.plan import Plan
from backend.results.writing import check_destination, check_folder, is_own_result
from backend.specs.model import Spec
from backend.specs.upsampled import is_json_object
from backend.store import Order, Store


class Ground(StrEnum):
    """The kind of reason for which a spec is refused; the value names a group of such specs."""

    UPSAMPLED = "upsampled already"
    TEMPLATE = "without a prompt"
    OCCUPIED = "would replace a file"
    EXCEEDS = "too long for the context"
    UNREADABLE = "with a video that cannot be read"
    OTHER = "refused for another reason"

    @property
    def helped_by_force(self) -> bool:
        """Whether `force` admits a spec that has this reason."""
        return self in (Ground.UPSAMPLED, Ground.OCCUPIED)


@dataclass(frozen=True, slots=True)
class RefusedSpec:
    """A spec, or one of its results, that is not queued."""

    spec: Spec
    ground: Ground
    reason: str
    """The reason in words, with what to do where that is known."""


@dataclass(frozen=True, slots=True)
class AdmittedSpec:
    """A spec that can be queued."""

    spec: Spec
    orders: tuple[Order, ...]
    """An order for each candidate whose result can be written."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The admitted and the refused specs of one batch. It does not say whether each fits the context."""

    accepted: tuple[AdmittedSpec, ...]
    refused: tuple[RefusedSpec, ...]
    """Refused specs in their order; a spec is listed once for each result that cannot be written."""

    @property
    def orders(self) -> list[Order]:
        """All orders of the admitted specs."""
        return [order for accepted in self.accepted for order in accepted.orders]


def assess(
    specs: Iterable[Spec], named: Sequence[Path], batch: Batch, store: Store, *, force: bool
) -> Assessment:
    """Admit or refuse each spec. `named` are the paths that the user gave. Blocks.

    With `force`, specs that are upsampled already are admitted, and existing files may be replaced.
    """
    usable, left_alone = choose_usable(specs, store, batch, force=force)
    placed = find_places(usable, named, batch, store, force=force)
    return Assessment(placed.accepted, (*left_alone, *placed.refused))


def refuse_json_of_sketch(profile: Profile, box: str) -> None:
    """Raise InputError if a profile asks for JSON: the engine sketch of this box writes prose alone."""
    if profile.answer.format == "json":
        raise InputError(
            f"the engine of {box} (sketch) writes prose alone, and the profile {profile.name} asks for JSON",
            "Choose another box, or another profile: `upsample config set upsampling.profile transfer1`.",
        )


def choose_usable(
    specs: Iterable[Spec], store: Store | None, batch: Batch, *, force: bool
) -> tuple[list[Spec], list[RefusedSpec]]:
    """Split specs into those to upsample and those that are left alone.

    A spec is left alone when it is upsampled already: its file says so, its prompt is a JSON object or has
    more words than `batch.upsampled_words` (unless that is 0), or the file is a result of ours. So is one
    with an empty prompt, where the profile has no words for that. `store` is None when there is no queue yet,
    and so no result.
    """
    usable: list[Spec] = []
    refused: list[RefusedSpec] = []
    upsampled = _Upsampled(store, batch.upsampled_words)
    includes_upsampled = force or batch.include_upsampled
    profile_for = cache(lambda name, mode: batch.settings.for_spec(name, mode).profile)
    for spec in specs:
        reason = "" if includes_upsampled else upsampled.reason(spec)
        profile = profile_for(spec.format.value, spec.target.mode)
        if not spec.prompt.strip() and not load_profile(profile).template.empty_prompt:
            why = f"a template: its prompt is empty, and {profile} needs one"
            refused.append(RefusedSpec(spec, Ground.TEMPLATE, why))
        elif reason:
            refused.append(RefusedSpec(spec, Ground.UPSAMPLED, reason))
        else:
            usable.append(spec)
    return usable, refused


def find_places(
    specs: Sequence[Spec], named: Sequence[Path], batch: Batch, store: Store, *, force: bool
) -> Assessment:
    """Make the orders for these specs, and refuse those whose result file may not be written."""
    return Places(OrderMaker(named, batch), batch, store, force=force).find(specs)


class Places:
    """Finds the places of a batch's results. The specs may come in portions."""

    def __init__(self, maker: OrderMaker, batch: Batch, store: Store, *, force: bool) -> None:
        self._maker = maker
        self._candidates = batch.candidates
        self._store = store
        self._force = force
        self._links: dict[Path, str] = {}
        self._troubles: dict[Path, str] = {}
        """Why each of the files that were asked for last cannot be written; empty where it can."""

    def find(self, specs: Iterable[Spec]) -> Assessment:
        """Make the orders for these specs, as `find_places` does."""
        accepted: list[AdmittedSpec] = []
        refused: list[RefusedSpec] = []
        troubles = self._troubles
        for earlier in tuple(troubles)[: -self._candidates]:
            del troubles[earlier]  # the last ones may hold the next specs, too
        for spec in specs:
            kept: list[Order] = []
            for candidate in range(self._candidates):
                order = self._maker.make(spec, candidate)
                folder = order.destination.parent
                if folder not in self._links:
                    self._links[folder] = _trouble(partial(check_folder, folder))
                if trouble := self._links[folder]:
                    refused.append(RefusedSpec(spec, Ground.OTHER, trouble))
                    continue
                if order.destination not in troubles:
                    troubles[order.destination] = self._why_not_writable(order)
                if trouble := troubles[order.destination]:
                    refused.append(RefusedSpec(spec, Ground.OCCUPIED, trouble))
                else:
                    kept.append(order)
            if kept:
                accepted.append(AdmittedSpec(spec, tuple(kept)))
        return Assessment(tuple(accepted), tuple(refused))

    def _why_not_writable(self, order: Order) -> str:
        check = partial(check_destination, self._store, order.destination, order.file)
        return _trouble(partial(check, force=self._force))


def refused_by_plan(spec: Spec, plan: Plan) -> RefusedSpec | None:
    """Return the reason why the spec's plan cannot be sent; None when it can."""
    if plan.refusal is None:
        return None
    ground = Ground.OTHER
    if isinstance(plan.refusal, MediaError):
        ground = Ground.UNREADABLE
    elif plan.budget is not None and not plan.budget.fits:
        ground = Ground.EXCEEDS
    return RefusedSpec(spec, ground, str(plan.refusal))


def require_writable(folder: Path) -> None:
    """Check before the work that results can be written. Makes the folder; raises ResultError."""
    probe = f".{secrets.token_hex(8)}.part"
    try:
        with open_folder(folder.absolute(), make=True) as opened:
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=opened))
            os.unlink(probe, dir_fd=opened)
    except OSError as error:
        raise ResultError(
            f"the folder for results, {folder}, cannot be written: {error.strerror}",
            "Choose another --save-dir.",
        ) from error


class _Upsampled:
    """Tells which specs are upsampled already; checks each file once."""

    def __init__(self, store: Store | None, most_words: int) -> None:
        self._store = store
        self._most_words = most_words
        self._is_result: dict[Path, bool] = {}
        self._resolve = cache(Path.resolve)

    def reason(self, spec: Spec) -> str:
        """Return why the spec need not be upsampled; empty when it should be."""
        if is_json_object(spec.prompt if spec.written_prompt is None else spec.written_prompt):
            return "its prompt is upsampled already: it is a JSON object"
        if spec.is_upsampled:
            return "it says that its prompt is upsampled already"
        words = len(spec.prompt.split()) if self._most_words else 0
        if words > self._most_words:
            return (
                f"its prompt has {words:,} words and counts as upsampled already "
                f"(specs.upsampled_words is {self._most_words:,})"
            )
        if self._store is None:
            return ""
        # Most formats cannot say so, and the folder for results is often below the folder that is named.
        if spec.file not in self._is_result:
            places = {spec.file.absolute(), self._resolve(spec.file.parent) / spec.file.name}
            self._is_result[spec.file] = any(is_own_result(self._store, p) for p in places)
        return "it is a result of upsample" if self._is_result[spec.file] else ""


def _trouble(check: Callable[[], None]) -> str:
    try:
        check()
    except ResultError as error:
        return str(error)
    return ""
