"""`upsample results diff`: what is different between two results, or between a result and its prompt."""

from __future__ import annotations

from backend.commands.queue import open_user_queue
from backend.console import say, write_json, write_line
from backend.exit_codes import ExitCode
from backend.results.key_diff import (
    ComparedPart,
    KeyChange,
    compare_prompts,
    count_changes,
    different_values,
)
from backend.results.review import done_job
from backend.results.writing import load_result
from backend.specs.outline import OutlinePart


def diff_results(number: int, other: int | None, *, as_json: bool) -> ExitCode:
    """Print each value that is different, with the keys that lead to it. Raises InputError."""
    with open_user_queue() as store:
        job = done_job(store, number)
        text = load_result(store, job).prompt
        second = None if other is None else load_result(store, done_job(store, other)).prompt
    compared = (
        compare_prompts(job.prompt, text) if second is None else compare_prompts(text, second)
    )
    for path, part in different_values(compared):
        before, after = _texts(part)
        if as_json:
            write_json(
                {
                    "path": list(path),
                    "change": part.change.value,
                    "before": before,
                    "after": after,
                }
            )
        else:
            _show(path, before, after)
    counts = count_changes(compared)
    different = counts.total() - counts[KeyChange.SAME]
    say(
        f"{_amount(different)} different, {counts[KeyChange.SAME]:,} the same: "
        f"{counts[KeyChange.CHANGED]:,} changed, {counts[KeyChange.REMOVED]:,} removed, "
        f"{counts[KeyChange.ADDED]:,} added."
    )
    return ExitCode.OK


def _show(path: tuple[str, ...], before: str | None, after: str | None) -> None:
    write_line("/".join(path))
    for sign, text in (("-", before), ("+", after)):
        for line in (text or "").splitlines():
            write_line(f"  {sign} {line}")
    write_line("")


def _texts(part: ComparedPart) -> tuple[str | None, str | None]:
    """Return the values with their times, if they have some; None where a prompt does not have the key."""
    before, after = part.values
    return _with_time(part.before, before), _with_time(part.after, after)


def _with_time(side: OutlinePart | None, value: str) -> str | None:
    if side is None:
        return None
    return f"{side.clock}  {value}" if side.clock else value


def _amount(count: int) -> str:
    return "1 value is" if count == 1 else f"{count:,} values are"
