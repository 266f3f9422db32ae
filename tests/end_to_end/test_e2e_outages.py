"""A batch goes on, or gives up in words, when its box refuses logins or its model server is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.support.laptop import IDLE_SECONDS, Laptop, Running
from tests.support.patient_server import PatientServer
from tests.support.proxy import Proxy, cuttable
from tests.support.sshd import Sshd, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

_REFUSED = "refused the login"


@pytest.fixture
def prompts(laptop: Laptop) -> Path:
    spec = laptop.cwd / "prompts.txt"
    spec.write_text("one\ntwo\nthree\n")
    return spec


def _configure(laptop: Laptop, root: Path, engine: str, give_up_after: float) -> None:
    laptop.configure(
        f'box = "test"\n[queue]\ngive_up_after = {give_up_after}\n'
        f'[boxes.test]\nhost = "testbox"\nroot = "{root}"\n{engine}'
    )


def _reach_by(proxy: Proxy, server: Sshd, laptop: Laptop) -> None:
    laptop.add_host("testbox", proxy.port)
    laptop.trust(proxy.port, server.host_key)


def _until_refused(run: Running) -> None:
    while _REFUSED not in run.until("link", state="retrying")["detail"]:
        pass


def test_a_login_that_is_refused_in_the_middle_of_a_run_is_tried_again(
    laptop: Laptop, start_sshd: StartSshd, box_root: Path, server: PatientServer, prompts: Path
) -> None:
    sshd = start_sshd()
    _configure(laptop, box_root, server.engine(1), 3600)
    with cuttable(sshd.port) as proxy:
        _reach_by(proxy, sshd, laptop)
        with laptop.started(prompts) as run:
            run.started(1)
            with sshd.refusing():
                proxy.cut()
                _until_refused(run)
                _until_refused(run)
            server.let_all()
            assert run.end() == 0, run.errors
    assert laptop.states() == {"done": 3}


def test_a_box_that_refuses_logins_for_too_long_is_given_up_and_the_next_run_goes_on(
    laptop: Laptop, start_sshd: StartSshd, box_root: Path, server: PatientServer, prompts: Path
) -> None:
    sshd = start_sshd()
    _configure(laptop, box_root, server.engine(1), 2)
    with cuttable(sshd.port) as proxy:
        _reach_by(proxy, sshd, laptop)
        with laptop.started(prompts) as run:
            run.started(1)
            wait_until(lambda: laptop.states() == {"running": 1, "sent": 2})
            with sshd.refusing():
                proxy.cut()
                assert run.end() == 3
        assert "test has made no progress for 2 s: testbox refused the login" in run.errors
        assert "the jobs stay in the queue" in run.errors
        assert "3 stay in the queue, 3 of them on the box, which goes on." in run.errors
        assert "failed" not in laptop.states()
        server.let_all()
        assert laptop.batch().returncode == 0
    assert laptop.states() == {"done": 3}


def test_a_model_server_that_is_away_for_too_long_ends_the_run_and_fails_no_job(
    laptop: Laptop, sshd: Sshd, box_root: Path, prompts: Path
) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    engine = (
        f'engine = "openai"\nmodel = "m"\nidle_timeout = {IDLE_SECONDS}\n'
        f'openai = {{ base_url = "http://127.0.0.1:{free_port()}", slots = 2 }}\n'
    )
    _configure(laptop, box_root, engine, 2)
    with laptop.started(prompts) as run:
        stage = run.until("engine")["stage"]
        assert run.end() == 3
    assert stage.startswith("away: cannot connect to the model server at http://127.0.0.1:")
    assert "test has made no progress for 2 s: cannot connect to the model server" in run.errors
    assert "`upsample --no-ui --box test` goes on with" in run.errors
    assert laptop.states().keys() <= {"sent", "running"}
    assert laptop.run("queue", "cancel", "--all").returncode in (0, 1)
