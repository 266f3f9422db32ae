"""`upsample results FOLDER --verify`: check the results in a folder, and print their faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from backend.commands.queue import open_user_queue
from backend.console import out, safe, say, table, write_json
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.results import DEFAULT_SAVE_DIR
from backend.results.verify import Verified, verify_results
from backend.store import default_path
from remote.protocol import Json


def verify_folder(folder: Path | None, *, as_json: bool) -> ExitCode:
    """Print every result with its faults. Exits with OK if there are results and all are whole."""
    place = folder or DEFAULT_SAVE_DIR
    if not place.exists():
        raise InputError(
            f"there is no {place}",
            "Name the folder of the results, as in `results FOLDER --verify`.",
        )
    verified = verify_results(place, _written_below(place))
    if as_json:
        for each in verified:
            write_json(_as_json(each))
    elif verified:
        _show_table(verified)
    faulty = sum(not each.is_whole for each in verified)
    if not verified:
        say(f"There are no results in {safe(str(place))}.")
    else:
        say(f"{len(verified) - faulty:,} of {len(verified):,} results are whole.")
    return ExitCode.SOME_FAILED if faulty or not verified else ExitCode.OK


def _written_below(place: Path) -> list[Path]:
    """Return the files below the folder that jobs of the queue were written to; none if there is no queue."""
    if not default_path().exists():
        return []
    above = place.resolve()
    with open_user_queue() as store:
        return [file for file in store.all_written() if file.resolve().is_relative_to(above)]


def _as_json(verified: Verified) -> dict[str, Json]:
    return {
        "file": str(verified.file),
        "entry": verified.entry,
        "name": verified.name,
        "whole": verified.is_whole,
        "faults": [{"check": f.check.name.lower(), "detail": f.detail} for f in verified.faults],
    }


def _show_table(verified: Sequence[Verified]) -> None:
    shown = table("file", "name", "", long=("file", "name", ""))
    for each in verified:
        place = str(each.file) if not each.entry else f"{each.file}:{each.entry + 1}"
        shown.add_row(Text(safe(place)), Text(safe(each.name)), _verdict(each))
    out().print(shown)


def _verdict(verified: Verified) -> Text:
    if verified.is_whole:
        return Text("✓ whole", "green")
    lines = [f"✗ {fault.check}: {safe(fault.detail)}" for fault in verified.faults]
    return Text("\n".join(lines), "red")
