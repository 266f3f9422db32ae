"""How long a folder of specs takes to be listed, by kind of file, and the memory that a large table takes.

The kinds are listed in turns, lap by lap, each from the files alone (no cache). A figure is the shortest of
its laps, divided by that of Transfer1's specs, since only the ratio means something on another machine. A
table of a million rows is read in a process of its own, whose greatest memory is told, beside that of one
which reads a single row.
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
import resource, sys
from pathlib import Path
from backend.specs.reading import read_in_parts
rows = sum(len(part) for part in read_in_parts(Path(sys.argv[1]), Path()))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
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


def _mixed(number: int) -> tuple[str, str]:
    return list(_KINDS.values())[number % len(_KINDS)](number)


def seconds_by_kind(folder: Path, files: int, laps: int) -> dict[str, float]:
    """Write a folder of each kind, and return the shortest time in which each is listed."""
    kinds = _KINDS | {"mixed": _mixed}
    for kind, make in kinds.items():
        (folder / kind).mkdir()
        for number in range(files):
            name, text = make(number)
            (folder / kind / name).write_text(text)
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(laps):
        for kind in kinds:
            began = time.perf_counter()
            found = sum(len(file.findings) for file in scan_files([Path(kind)], folder))
            best[kind] = min(best[kind], time.perf_counter() - began)
            if found != files:
                raise SystemExit(f"{found} of {files} specs of {kind} were found")
    return best


def memory_of_table(folder: Path, rows: int) -> tuple[int, float]:
    """Return the greatest memory (MiB) of a process that reads a CSV of so many rows, and its seconds."""
    file = folder / "rows.csv"
    with file.open("w") as table:
        table.write("id,prompt,video\n")
        table.writelines(_rows(rows))
    began = time.perf_counter()
    command = [sys.executable, "-c", _READ, str(file)]
    read, mebibytes = subprocess.run(
        command, capture_output=True, check=True, text=True
    ).stdout.split()
    if int(read) != rows:
        raise SystemExit(f"{read} of {rows} rows were read")
    return int(mebibytes), time.perf_counter() - began


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
            ratio = seconds / best["transfer1"]
            print(f"{kind:<10} {given.files:,} files  {seconds:6.2f} s  {ratio:5.2f}×")  # noqa: T201
        for rows in (1, given.rows):
            mebibytes, seconds = memory_of_table(Path(name), rows)
            print(f"a CSV of {rows:,} rows  {seconds:6.2f} s  {mebibytes} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
