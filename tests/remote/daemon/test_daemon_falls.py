"""What survives: dead daemons, dead relays, full disks, other versions, and nobody being there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from remote.jobs.records import scan
from remote.paths import FolderError, make_daemon_paths
from remote.protocol import (
    MOST_FALLS,
    Accepted,
    Ask,
    Failed,
    Finished,
    Log,
    Refused,
    Setup,
    Started,
    Stop,
)
from tests.remote.attached import LAST_REPLAY, Box, ask, ask_slowly, png
from tests.remote.conftest import MakeBox
from tests.support.waiting import wait_until

JOB = ask("a harbour at dusk", [png()])


async def test_a_job_whose_daemon_is_killed_is_finished_by_the_next_one_once(box: Box) -> None:
    slow = ask_slowly("a harbour at dusk")
    async with box.visited() as app:
        await app.send(slow)
        await app.until(Started, slow.job)
        while not app.durable:  # what the journal says may be told a moment later
            await app.next()
        daemon = box.daemon()
        os.kill(daemon, signal.SIGKILL)
        await app.hung_up()
        assert app.welcome is not None
        journal, seen = app.welcome.journal, app.durable[-1].seq
    async with box.visited(journal, seen, LAST_REPLAY) as app:
        finished = await app.done(slow)
        assert app.welcome is not None
        assert app.welcome.journal == journal
    assert finished.answer.attempt == 2
    assert box.records("accepted") == box.records("finished") == [slow.job]


async def test_damage_in_the_journal_is_told_to_each_app_and_what_it_cost_is_done_again(
    box: Box,
) -> None:
    other = ask("a forest in rain", [png(shade=10)])
    async with box.visited() as app:
        for job in (JOB, other):
            await app.send(job)
            await app.done(job)
        assert app.welcome is not None
        journal, seen = app.welcome.journal, app.durable[-1].seq
    box.kill()
    data = bytearray(box.place.journal.read_bytes())
    lost = {(JOB.job, "accepted"), (other.job, "finished")}
    for record in scan(bytes(data))[0]:
        if (record.body.get("job"), record.body["type"]) in lost:
            data[record.offset + 20] ^= 0xFF
    box.place.journal.write_bytes(data)
    async with box.visited(journal, seen, LAST_REPLAY) as app:
        assert app.welcome is not None
        assert app.welcome.journal != journal
        assert "damaged bytes" in (await app.until(Log)).text
        await app.send(JOB)  # its result is there still
        await app.done(JOB)
        await app.until(Failed, other.job)  # its pictures went with its end
        await app.send(other)
        await app.done(other)
    assert Counter(box.records("started")) == {JOB.job: 1, other.job: 3}
    async with box.visited() as app:
        assert "damaged bytes" in (await app.until(Log)).text


async def test_what_ended_long_ago_is_forgotten_when_the_daemon_starts(box: Box) -> None:
    others = [ask(f"scene {number}") for number in range(6)]
    async with box.visited() as app:
        for job in (JOB, *others):
            await app.send(job)
            await app.done(job)
    box.kill()
    brief = box.with_setup(keep_days=1e-7)
    assert brief.setup.fingerprint() == box.setup.fingerprint()
    async with brief.visited() as app:
        assert JOB.job not in box.records("finished")
        await app.send(JOB)
        assert (await app.done(JOB)).answer.attempt == 1


async def test_a_job_goes_on_when_its_relay_is_killed(box: Box) -> None:
    slow = ask_slowly("a harbour at dusk")
    async with box.visited() as app:
        await app.send(slow)
        await app.until(Started, slow.job)
        app.process.kill()
    async with box.visited() as app:
        await app.done(slow)
    assert box.records("started") == [slow.job]


async def test_a_daemon_that_is_stopped_in_order_goes_on_later(box: Box) -> None:
    """As often as anybody likes: that a job takes long is not its fault."""
    slow = ask_slowly("a harbour at dusk", looks=12)
    for falls in range(MOST_FALLS):
        async with box.visited() as app:
            await app.send(slow)
            # Not the message: a daemon that goes on may begin before anybody is there to be told.
            while len(box.records("started")) <= falls:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
            await app.send(Stop(only_idle=False))
            await app.hung_up()
    async with box.visited() as app:
        assert (await app.done(slow)).answer.attempt == MOST_FALLS + 1


async def test_two_apps_that_come_at_the_same_moment_start_one_daemon(box: Box) -> None:
    async with contextlib.AsyncExitStack() as stack:
        visits = (stack.enter_async_context(box.visited()) for _ in range(4))
        apps = await asyncio.gather(*visits)
        wait_until(lambda: len(box.daemons()) == 1)  # the others see that, and end
        assert len({app.welcome.journal for app in apps if app.welcome}) == 1


async def test_an_idle_daemon_makes_room_for_another_setup(box: Box) -> None:
    changed = box.with_setup(idle_timeout=61)
    async with box.visited() as app:
        assert app.welcome is not None
        journal = app.welcome.journal
    async with changed.attached() as app:
        await app.send(changed.hello())
        await app.sent_away("replaced")
    async with changed.visited() as app:
        assert app.welcome is not None
        assert app.welcome.setup == changed.setup.fingerprint()
        assert app.welcome.journal == journal


async def test_a_busy_daemon_goes_on_as_it_is(box: Box) -> None:
    slow = ask_slowly("a harbour at dusk", looks=20)  # longer than another app takes to come
    changed = box.with_setup(idle_timeout=61)
    async with box.visited() as app:
        await app.send(slow)
        await app.until(Accepted)
        async with changed.visited() as other:
            assert other.welcome is not None
            assert other.welcome.setup == box.setup.fingerprint()
            await other.done(slow)


async def test_a_daemon_with_an_app_does_not_make_room(box: Box) -> None:
    changed = box.with_setup(idle_timeout=61)
    async with box.visited(), changed.visited() as other:
        assert other.welcome is not None
        assert other.welcome.setup == box.setup.fingerprint()


async def test_a_daemon_that_nobody_needs_ends_and_removes_its_socket(box: Box) -> None:
    brief = box.with_setup(idle_timeout=2)
    async with brief.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
    wait_until(lambda: not brief.daemons())
    assert not brief.place.socket.exists()
    async with brief.visited() as app:
        await app.send(Ask((JOB.job,)))
        await app.done(JOB)


async def test_a_daemon_whose_socket_was_removed_makes_room(box: Box) -> None:
    async with box.visited() as app:
        box.place.socket.unlink()
        await app.hung_up()
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)


async def test_a_daemon_that_ends_while_an_app_is_attached_logs_no_traceback(box: Box) -> None:
    async with box.visited() as app:
        os.kill(box.daemon(), signal.SIGTERM)
        await app.hung_up()
    wait_until(lambda: not box.daemons())
    assert "Traceback" not in box.place.log.read_text()


async def test_a_daemon_whose_journal_was_removed_makes_room(box: Box) -> None:
    """Say, by whoever clears ~/.cache: what is accepted from then on would be lost."""
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
        assert app.welcome is not None
        journal = app.welcome.journal
        shutil.rmtree(box.setup.root)
        await app.hung_up()
    async with box.visited(journal, 99, LAST_REPLAY) as app:
        assert app.welcome is not None
        assert app.welcome.journal != journal
        await app.send(JOB)
        await app.done(JOB)


async def test_a_daemon_whose_journal_somebody_else_wrote_makes_room_for_one_that_mends_it(
    box: Box,
) -> None:
    async with box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)
        with box.place.journal.open("ab") as file:
            file.write(b"not a record")
        await app.hung_up()
    assert "somebody else wrote there" in box.place.log.read_text()
    async with box.visited() as app:
        assert "12 torn bytes" in (await app.until(Log)).text
        await app.send(JOB)
        await app.done(JOB)
    assert box.records("started") == [JOB.job]


async def test_an_unknown_engine_is_told(box: Box) -> None:
    async with box.with_setup(engine="abacus").attached() as app:
        assert "abacus" in (await app.sent_away("engine")).message
    assert await app.process.wait() == 1


async def test_a_root_that_cannot_be_made_is_told(make_box: MakeBox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with make_box(tmp_path / "file" / "root").attached() as app:
        await app.sent_away("place")


@pytest.mark.parametrize("root", ["relative", "~nobody-of-this-name/x"])
def test_a_root_that_is_nowhere_is_refused(root: str) -> None:
    with pytest.raises(FolderError, match="root"):
        make_daemon_paths(root)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_for_the_socket_that_is_open_to_others_is_refused(
    tmp_path: Path, mode: int
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(mode)
    with pytest.raises(FolderError, match="0700"):
        make_daemon_paths(str(tmp_path / "root"), run)


def test_a_link_in_the_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(FolderError, match="not a folder"):
        make_daemon_paths(str(tmp_path / "root"), tmp_path / "run")


async def test_what_the_box_keeps_is_for_its_owner_alone(box: Box) -> None:
    async with box.visited() as app:
        await app.send(ask_slowly("a harbour"))
        await app.until(Started)
        kept = [box.place.state, *box.place.state.rglob("*"), box.place.socket, box.place.lock]
        assert len(kept) > 5
        assert [path for path in kept if path.stat().st_mode & 0o077] == []


async def test_the_daemon_holds_on_to_nothing_of_the_app_that_started_it(box: Box) -> None:
    async with box.visited():
        daemon = box.daemon()
        assert os.getsid(daemon) != os.getsid(0)
        assert os.getsid(daemon) != daemon  # it can never get a terminal
        held = {
            number: (Path(f"/proc/{daemon}/fd") / str(number)).readlink() for number in (0, 1, 2)
        }
    errors = box.place.state / "daemon.err"
    assert held == {0: Path(os.devnull), 1: errors, 2: errors}
    assert errors.read_text() == ""


def fill(folder: Path) -> Path:
    """Use the folder's disk up; removing the file that is returned frees it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert os.statvfs(folder).f_bavail == 0
    return filler


async def test_a_full_disk_refuses_a_job_and_keeps_nothing_of_it(small_box: Box) -> None:
    big = ask("a harbour", [bytes(20_000)])
    async with small_box.visited() as app:
        filler = fill(small_box.place.state.parent)
        await app.send(big)
        assert (await app.until(Refused, big.job)).kind == "disk"
        assert list(small_box.place.images.iterdir()) == []
        filler.unlink()
        await app.send(JOB)
        await app.done(JOB)


async def test_an_accepted_job_waits_until_the_disk_has_room_again(small_box: Box) -> None:
    # Answers repeat the prompt, and so many of these do not fit into the last block's slack.
    jobs = [ask_slowly(f"scene {number} {'x' * 3000}", looks=2) for number in range(4)]
    async with small_box.visited() as app:
        await app.send(*jobs)
        await app.until(Started, jobs[-1].job)
        filler = fill(small_box.place.state.parent)
        while "cannot write" not in (await app.until(Log)).text:
            pass
        filler.unlink()
        while len(finished := [m.job for m in app.heard if isinstance(m, Finished)]) < len(jobs):
            await app.until(Finished)
    assert sorted(finished) == sorted(job.job for job in jobs)


async def test_more_pictures_than_the_disk_holds_are_refused_and_the_others_are_done(
    small_box: Box,
) -> None:
    """The pictures that are handed over never take the journal's last room."""
    jobs = [ask(f"scene {number}", [png(), bytes([number]) * 9_000]) for number in range(40)]
    async with small_box.visited() as app:
        await app.send(*[ask_slowly(f"slow {number}", looks=2) for number in range(4)], *jobs)
        ends: dict[str, str] = {}
        while len(ends) < len(jobs) + 4:
            message = await app.next()
            if isinstance(message, (Refused, Failed, Finished)):
                ends[message.job] = getattr(message, "kind", "finished")
    assert "disk" in ends.values()
    assert set(ends.values()) <= {"disk", "request", "finished"}


async def test_a_daemon_that_cannot_start_on_a_full_disk_says_so(small_box: Box) -> None:
    root = Path(small_box.setup.root)
    filler = fill(root)
    async with small_box.attached() as app:
        await app.sent_away("disk")
    filler.unlink()
    async with small_box.visited() as app:
        await app.send(JOB)
        await app.done(JOB)


def test_the_fingerprint_of_a_setup_does_not_depend_on_how_its_numbers_are_written() -> None:
    whole = Setup("~/x", "sketch", "", idle_timeout=900)
    assert whole.fingerprint() == Setup("~/x", "sketch", "", idle_timeout=900.0).fingerprint()
