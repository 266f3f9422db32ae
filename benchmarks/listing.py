"""How long a folder of specs takes to be listed, by kind of file, and the memory that a large table takes.

The kinds are listed in turns, lap by lap, each from the files alone (no cache). A figure is the least
processor time of its laps, which changes little with what else the machine does. Only ratios mean something
on another machine: to Transfer1's specs, and to the kinds before YAML and tables, mixed as `mixed` is.

A table is read in a process of its own, whose greatest memory is told, beside that of one which reads a
single row: by what a batch reads with, which keeps nothing here, and by the app's catalog, all of whose specs
are put into the app's list.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.specs.scan import scan_files

_PROMPT = "a car drives through the rain at night, its lights on the wet road"
_READ = """
from backend.specs.reading import read_in_parts
rows = sum(len(part) for part in read_in_parts(Path(sys.argv[1]), Path()))
"""
_LIST = """
from backend.catalog.catalog import Catalog
from tui.specs.listing import Listing
listing = Listing()
for part in Catalog([Path(sys.argv[1])], Path.cwd()).scan(watched=False):
    listing.add(part.findings)
rows = len(listing.rows)
"""
_WAYS = {"read": _READ, "the app's list": _LIST}
_FRAME = """
import sys, time
from pathlib import Path
{way}
# Not getrusage, in which the process counts that started this one.
most = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(rows, int(most.split()[1]) // 1024, time.process_time())
"""


def _transfer1(number: int) -> tuple[str, str]:
    spec = {
        "prompt": _PROMPT,
        "input_video_path": f"v{number}.mp4",
        "edge": {"control_weight": 1.0},
    }
    return f"s{number}.json", json.dumps(spec, indent=2)


def _cosmos3(number: int) -> tuple[str, str]:
    spec = {"model_mode": "video2video", "prompt": _PROMPT, "vision_path": f"v{number}.mp4"}
    return f"s{number}.json", json.dumps(spec, indent=2)


def _yaml(number: int) -> tuple[str, str]:
    return f"s{number}.yaml", f"inference_type: video2world\nprompt: {_PROMPT}\ninput_path: v.mp4\n"


def _text(number: int) -> tuple[str, str]:
    return f"s{number}.txt", _PROMPT + "\n"


def _table(number: int) -> tuple[str, str]:
    return f"s{number}.csv", f'id,prompt,video\n{number},"{_PROMPT}",v.mp4\n'


_KINDS: dict[str, Callable[[int], tuple[str, str]]] = {
    "transfer1": _transfer1,
    "cosmos3": _cosmos3,
    "yaml": _yaml,
    "text": _text,
    "table": _table,
}


_EARLIER = (_transfer1, _cosmos3, _text)


def _earlier(number: int) -> tuple[str, str]:
    return _EARLIER[number % len(_EARLIER)](number)


def _mixed(number: int) -> tuple[str, str]:
    return list(_KINDS.values())[number % len(_KINDS)](number)


def seconds_by_kind(folder: Path, files: int, laps: int) -> dict[str, float]:
    """Write a folder of each kind, and return the least processor time in which each is listed."""
    kinds = _KINDS | {"earlier": _earlier, "mixed": _mixed}
    for kind, make in kinds.items():
        (folder / kind).mkdir()
        for number in range(files):
            name, text = make(number)
            (folder / kind / name).write_text(text)
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(laps):
        for kind in kinds:
            began = time.process_time()
            found = sum(len(file.findings) for file in scan_files([Path(kind)], folder))
            best[kind] = min(best[kind], time.process_time() - began)
            if found != files:
                raise SystemExit(f"{found} of {files} specs of {kind} were found")
    return best


def write_table(folder: Path, suffix: str, rows: int) -> Path:
    """Write a table of so many rows, and return its file."""
    file = folder / f"rows-{rows}.csv"
    with file.open("w") as table:
        table.write("id,prompt,video\n")
        table.writelines(_rows(rows))
    if suffix == ".csv":
        return file
    from pyarrow import csv, parquet, string

    texts = csv.ConvertOptions(column_types={"id": string()})
    parquet.write_table(csv.read_csv(file, convert_options=texts), file.with_suffix(suffix))
    return file.with_suffix(suffix)


def cost_of_table(way: str, table: Path, rows: int) -> tuple[int, float]:
    """Return the greatest memory (MiB) of a process that reads a table, and its processor time."""
    command = [sys.executable, "-c", _FRAME.format(way=way), str(table)]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    read, mebibytes, seconds = ran.stdout.split()
    if int(read) != rows:
        raise SystemExit(f"{read} of {rows} rows were read")
    return int(mebibytes), float(seconds)


def _rows(count: int) -> Iterator[str]:
    return (f'{number},"{_PROMPT}",clips/{number % 1000}.mp4\n' for number in range(count))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--laps", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        best = seconds_by_kind(Path(name), given.files, given.laps)
        for kind, seconds in best.items():
            ratios = (seconds / best["transfer1"], seconds / best["earlier"])
            print(  # noqa: T201
                f"{kind:<10} {given.files:,} files  {seconds:6.2f} s  "
                f"{ratios[0]:5.2f} of transfer1  {ratios[1]:5.2f} of earlier"
            )
        for suffix in (".csv", ".parquet"):
            for rows in (1, given.rows):
                table = write_table(Path(name), suffix, rows)
                for way, code in _WAYS.items():
                    mebibytes, seconds = cost_of_table(code, table, rows)
                    print(  # noqa: T201
                        f"{suffix:<8} {rows:>9,} rows  {way:<14}  {seconds:6.2f} s  {mebibytes} MiB"
                    )


if __name__ == "__main__":
    main()
