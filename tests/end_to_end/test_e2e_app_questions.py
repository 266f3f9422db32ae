"""The app asks about a host key that nobody vouched for: a real sshd, the real queue, a pressed key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.config import load_settings
from backend.events import LinkState
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Planner
from backend.specs.scan import scan
from backend.store import State, Store
from backend.tokens import TextCounter
from tests.support.laptop import Laptop
from tests.support.pilots import until
from tests.support.sshd import Sshd
from tui.app import UpsampleApp
from tui.dialogs.box_questions import HostKeyDialog
from tui.shell.desk import Desk
from tui.specs.scanning import SpecSource

BOX = "test"


@pytest.fixture
def app(laptop: Laptop, sshd: Sshd, one_spec: Path, monkeypatch: pytest.MonkeyPatch) -> UpsampleApp:
    """The app of a user with one queued job, for a box whose host key is not known yet."""
    monkeypatch.setenv("HOME", str(laptop.home))
    monkeypatch.chdir(laptop.cwd)
    settings = load_settings()
    laptop.queue_file.parent.mkdir(parents=True)
    store = Store(laptop.queue_file)
    batch = Batch(BOX, settings.boxes[BOX], settings.upsampling, laptop.cwd / "outputs")
    store.queue(make_jobs(scan([one_spec], laptop.cwd).specs, [one_spec], batch))
    store.close()
    counter = TextCounter()
    return UpsampleApp(
        Desk(
            settings=settings,
            reload=load_settings,
            source=SpecSource((), laptop.cwd, list),
            make_planner=lambda settings: Planner(settings.upsampling, counter),
            queue=laptop.queue_file,
        )
    )


def nothing_in(folder: Path) -> bool:
    return not folder.exists()


def drawn(app: UpsampleApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def asks(app: UpsampleApp) -> Callable[[], bool]:
    return lambda: isinstance(app.screen, HostKeyDialog) and "SHA256:" in drawn(app)


async def test_no_leaves_the_job_queued_and_yes_lets_it_go_on(
    app: UpsampleApp, laptop: Laptop, sshd: Sshd, box_root: Path
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, asks(app))
        assert sshd.fingerprint in drawn(app)
        assert "ssh-ed25519" in drawn(app)
        await until(pilot, lambda: "waiting for you" in drawn(app))
        await until(pilot, lambda: app.live.box(BOX).link is LinkState.WAITING)

        await pilot.press("enter")

        await until(pilot, lambda: app.live.box(BOX).link is LinkState.STOPPED)
        await until(pilot, lambda: "stopped" in drawn(app))
        assert [job.state for job in laptop.jobs()] == [State.QUEUED]
        assert not laptop.known_hosts.exists()
        assert nothing_in(box_root)

        assert app.runner is not None
        app.runner.try_again(BOX)
        await until(pilot, asks(app))
        await pilot.press(*"yes", "enter")

        await until(pilot, lambda: laptop.states() == {"done": 1})
        assert laptop.known_hosts.read_text().startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")
