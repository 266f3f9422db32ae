"""`python -m fuzz [TARGET …] [--minutes M]`: each target for M minutes, one after the other, then a table.

What was learnt lies in build/fuzz/TARGET/corpus and is where the next run goes on; what broke a promise
lies in build/fuzz/TARGET/found, a file each. Exits with 1 when there is such a file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets import NAMES, load_target

_FOLDER = Path("build/fuzz")
_SECONDS_A_CASE = 30
_MEGABYTES = 2048
_LONGEST_CASE = 1 << 14
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")
_COVERAGE = re.compile(r"cov: (\d+)")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@dataclass(frozen=True, slots=True)
class Outcome:
    """One target's run."""

    target: str
    seconds: int
    runs: int
    """Inputs tried."""
    coverage: int
    """Edges of the program that were reached."""
    found: tuple[Path, ...]
    """Inputs that broke a promise."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[[], *NAMES], default=[])
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    given = parser.parse_args()
    outcomes = [fuzz(name, given.minutes) for name in given.target or NAMES]
    print(f"{'target':<14}{'seconds':>8}{'inputs':>12}{'edges':>7}  found")  # noqa: T201 - the result
    for one in outcomes:
        found = ", ".join(map(str, one.found)) or "nothing"
        print(f"{one.target:<14}{one.seconds:>8,}{one.runs:>12,}{one.coverage:>7,}  {found}")  # noqa: T201
    return 1 if any(one.found for one in outcomes) else 0


def fuzz(name: str, minutes: float) -> Outcome:
    """Let atheris look for inputs that break the target's promises; it ends at the first one."""
    folder = _FOLDER / name
    corpus, found = folder / "corpus", folder / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for seed in load_target(name).seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    log = folder / "log"
    with (
        tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as scratch,
        log.open("wb") as said,
    ):
        subprocess.run(
            [
                sys.executable, "-m", "fuzz.engine", name, str(corpus),
                f"-max_total_time={round(minutes * 60)}",
                f"-timeout={_SECONDS_A_CASE}",
                f"-rss_limit_mb={_MEGABYTES}",
                f"-max_len={_LONGEST_CASE}",
                f"-artifact_prefix={found}/",
            ],
            check=False,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": scratch, "XDG_CONFIG_HOME": scratch},
        )  # fmt: skip
    return _outcome(name, log.read_text(errors="replace"), found)


def _outcome(name: str, said: str, found: Path) -> Outcome:
    done = _DONE.search(said)
    coverage = [int(edges) for edges in _COVERAGE.findall(said)]
    return Outcome(
        name,
        seconds=int(done[2]) if done else 0,
        runs=int(done[1]) if done else 0,
        coverage=coverage[-1] if coverage else 0,
        found=tuple(sorted(found.iterdir())),
    )


if __name__ == "__main__":
    sys.exit(main())
