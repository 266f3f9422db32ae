"""The commands of `runner.pyz`.

attach SETUP    connect an app (stdin, stdout) to the daemon of this box; SETUP is JSON
check CHECKUP   report on stdout what keeps this box from working; CHECKUP is JSON
look            report on stdout what this machine could answer with, and the models that it has
clean ROOT      remove runners that no process uses any more, and report on stdout which
sweep ROOT      end what a killed daemon left, and report on stdout what stays
traces ROOT     report on stdout what this program keeps on this box; with `brought` after ROOT, remove the
                runner itself at the end, because it was put there for this
leave ROOT      remove all of that, this runner last, and report on stdout what became of each
ray-driver …    keep the replicas of a daemon on a Ray cluster; the daemon starts it
ray-survey …    look at a cluster, for `check`
ray-guard ROOT  end the model server of a replica when the replica has ended, which starts it
ray-group-guard GROUP   the same for a driver and the Ray that it has started
llama-serve …   be llama.cpp's server, in a Python that has it; the daemon starts it
daemon          serve; the setup comes on stdin, and one line on stdout says how starting went
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from remote.protocol import MAGIC, Checkup, Finding, Offer, Setup, Trace, encode, parse

# Each command imports its own modules. Python compiles the runner anew each time that it starts, and an
# app that attaches should not wait for the daemon's modules.


_Tell = Callable[[Finding | Offer | Trace], None]


def main() -> int:
    os.umask(0o077)
    runner = str(Path(sys.argv[0]).resolve())
    command, *arguments = sys.argv[1:] or [""]
    if command == "attach" and len(arguments) == 1:
        from remote.attach import attach

        return attach(runner, parse(Setup, json.loads(arguments[0])))
    if command == "daemon" and not arguments:
        from remote.daemon.start import become_daemon

        return become_daemon(runner)
    if command == "llama-serve":
        from remote.engines.llama.serving import serve

        return serve(arguments)
    if command.startswith("ray-") and (code := _do_for_ray(command, runner, arguments)) is not None:
        return code
    report = _find_report(command, arguments, Path(runner))
    if report is not None:
        return _send_messages(report)
    print(__doc__, file=sys.stderr)  # noqa: T201 - the box's own command line
    return 2


def _do_for_ray(command: str, runner: str, arguments: list[str]) -> int | None:
    """Do what a part of the engine `ray` asks for. Returns an exit code; None for an unknown command."""
    if command == "ray-driver" and len(arguments) == 2:
        from remote.engines.ray.entry import drive

        return drive(runner, *arguments)
    if command == "ray-survey" and len(arguments) == 1:
        from remote.engines.ray.entry import survey

        return survey(runner, arguments[0])
    if command == "ray-group-guard" and len(arguments) == 1:
        from remote.engines.ray.guard import guard_group

        return guard_group(int(arguments[0]))
    if command == "ray-guard" and len(arguments) == 1:
        from remote.engines.ray.guard import guard

        return guard(arguments[0])
    return None


def _find_report(
    command: str, arguments: list[str], runner: Path
) -> Callable[[_Tell], None] | None:
    """Return what a command does that reports on stdout; None if there is no such command."""
    if command == "check" and len(arguments) == 1:
        from remote.checks import examine_box

        checkup = parse(Checkup, json.loads(arguments[0]))
        return lambda tell: examine_box(checkup, tell)
    if command == "look" and not arguments:
        from remote.checks.offers import find_offers

        return find_offers
    if command == "clean" and len(arguments) == 1:
        from remote.cleaning import remove_old_runners

        return lambda tell: remove_old_runners(arguments[0], runner, tell)
    if command == "sweep" and len(arguments) == 1:
        from remote.sweeping import sweep_root

        return lambda tell: sweep_root(arguments[0], tell)
    if command == "traces" and arguments and arguments[1:] in ([], ["brought"]):
        from remote.leaving import list_traces

        return lambda tell: list_traces(arguments[0], runner if arguments[1:] else None, tell)
    if command == "leave" and len(arguments) == 1:
        from remote.leaving import remove_traces

        return lambda tell: remove_traces(arguments[0], runner, tell)
    return None


def _send_messages(work: Callable[[_Tell], None]) -> int:
    """Call `work` with a callback that sends each message at once. Returns an exit code."""

    def tell(message: Finding | Offer | Trace) -> None:
        sys.stdout.buffer.write(encode(message))
        sys.stdout.buffer.flush()

    sys.stdout.buffer.write(MAGIC)
    sys.stdout.buffer.flush()
    try:
        work(tell)
    except BrokenPipeError:
        return 1  # the app has gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
