"""What the faults came to, as a table."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.faults.batch import Batch
from tests.faults.kind import Kind
from tests.faults.oracle import Judgement
from tests.faults.seen import Injected


class Tally:
    """Counts by kind of fault."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._injected: Counter[str] = Counter()
        self._survived: Counter[str] = Counter()
        self._repeats: Counter[str] = Counter()
        self._charged: defaultdict[str, float] = defaultdict(float)
        """Answers that were needed, each batch's shared out among its faults."""
        self.troubles: list[str] = []
        self.given_up: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.answers = self.runs = self.batches = 0

    @property
    def injected(self) -> int:
        return sum(self._injected.values())

    def add(self, batch: Batch, verdict: Judgement) -> None:
        """A batch that is over."""
        self.batches += 1
        self.answers += verdict.answers
        self.runs += len(batch.lives)
        self.troubles += verdict.troubles
        self.given_up.update(reason.splitlines()[0][:70] for reason in batch.given_up)
        self.refusals.update(_without_paths(reason) for reason in batch.refusals)
        for fault in batch.injected:
            name = fault.kind.name
            self._injected[name] += 1
            self._survived[name] += not verdict.troubles
            self._charged[name] += verdict.answers / len(batch.injected)
        for cause in verdict.repeats:
            self._repeats[cause.kind.name if cause else "a run after a failure"] += 1

    def add_end(self, troubles: Sequence[str], injected: Sequence[Injected]) -> None:
        """The end of a house, where something was left."""
        self.troubles += troubles
        for fault in injected:
            self._survived[fault.kind.name] -= 1

    def table(self) -> str:
        """Kind, injected, survived, repeated work in %: a table in Markdown."""
        rows = [("fault", "injected", "survived", "repeated work")]
        for kind in self._kinds:
            if self._injected[kind.name]:
                rows.append(self._row(kind.name))
        total = sum(self._repeats.values())
        rows.append(
            (
                "**all**",
                str(self.injected),
                str(sum(self._survived.values())),
                _percent(total, self.answers),
            )
        )
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "| --- | ---: | ---: | ---: |", *lines[1:]])

    def summary(self, seed: int, seconds: float) -> str:
        """What the table does not say."""
        found = Counter(trouble.partition(":")[0] for trouble in self.troubles)
        again = self._repeats["a run after a failure"]
        return "\n".join(
            [
                f"seed {seed}, {seconds / 60:.0f} min, {self.batches} batches, {self.runs} runs of the "
                f"command, {self.answers:,} jobs",
                f"lost {found['LOST']}, doubled {found['DOUBLED']}, wrong {found['WRONG']}, repeated without "
                f"need {found['REPEATED']}, left behind {found['LEFT']}, all violations {len(self.troubles)}",
                f"jobs that failed with a reason and were done by the next run: "
                f"{sum(self.given_up.values())} ({again} answers begun again)",
                *(f"    {count:4} {reason}" for reason, count in self.given_up.most_common(12)),
                f"runs that ended early, with a reason, and were gone on with by the next: "
                f"{sum(self.refusals.values())}",
                *(f"    {count:4} {reason}" for reason, count in self.refusals.most_common(20)),
            ]
        )

    def _row(self, name: str) -> tuple[str, str, str, str]:
        return (
            name,
            str(self._injected[name]),
            str(self._survived[name]),
            _percent(self._repeats[name], self._charged[name]),
        )


def _without_paths(text: str) -> str:
    return re.sub(r"/\S+", "…", text)[:110]


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
