"""`upsample box add`, from an ssh line to the first result; GPU and vLLM of the machine are stand-ins."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.remote.engines import vllm_stand_in
from tests.support.laptop import Laptop
from tests.support.safetensors_files import write_safetensors
from tests.support.sshd import LOOPBACK, USER, Sshd, free_port
from tests.support.stand_in_programs import StandInGpu, put_nvidia_smi, put_vllm
from tests.support.terminal import terminal_of

pytestmark = pytest.mark.campaign


@pytest.fixture
def machine(start_sshd: StartSshd, tmp_path: Path) -> Sshd:
    """A machine with a GPU, a vllm on its PATH and a model in its home."""
    programs = tmp_path / "programs"
    programs.mkdir()
    put_nvidia_smi(programs, StandInGpu())
    put_vllm(programs)
    (tmp_path / "notes").mkdir()
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    made = start_sshd(path=path, more_environment={vllm_stand_in.FOLDER: str(tmp_path / "notes")})
    model = made.log.parent / "home" / "models" / "Cosmos"
    model.mkdir(parents=True)
    (model / "params.json").write_text('{"vision_encoder": {}}')
    (model / "tekken.json").write_text("{}")
    write_safetensors(model / "consolidated.safetensors")
    return made


def _added(laptop: Laptop) -> dict[str, object]:
    """The one box of the user's config."""
    (box,) = tomllib.loads(laptop.config.read_text())["boxes"].values()
    assert isinstance(box, dict)
    return box


def test_from_an_ssh_line_to_the_first_result_in_six_answers(laptop: Laptop, machine: Sshd) -> None:
    # The key that OpenSSH offers by itself, as for a machine that was rented with it.
    laptop.key.rename(laptop.key.with_name("id_ed25519"))
    with terminal_of(laptop, 200, 40) as app:
        app.open("box", "add")
        app.until(r"How do you log in\?")
        app.type(f"ssh -p {machine.port} {USER}@{LOOPBACK}")
        app.press("Enter")
        app.until(r"Its host key is ssh-ed25519 SHA256:", r"Trust it from now on")
        app.type("yes")
        app.press("Enter")
        app.until(r"NVIDIA H100 80GB HBM3 .*, 1 model on its disk", r"What is to answer")
        app.type("vllm")
        app.press("Enter")
        app.until(r"1  \S+/models/Cosmos", r"Which model")
        app.press("Enter")
        app.until(r"How will you call it", r"\[gpu\] >")
        app.type("h100")
        app.press("Enter")
        app.until(r"h100 is added to \S+: engine vllm, model /", r"^ended with 0")
    added = _added(laptop)
    assert added["host"] == f"{USER}@{LOOPBACK}:{machine.port}"

    prompts = laptop.cwd / "prompts.txt"
    prompts.write_text("a red car\n")
    done = laptop.batch(prompts)
    assert done.returncode == 0, done.stderr
    assert laptop.states() == {"done": 1}


def test_each_wrong_answer_is_told_at_once_and_can_be_mended_on_the_spot(
    laptop: Laptop, machine: Sshd
) -> None:
    laptop.add_host("rented", machine.port)
    laptop.trust(machine.port, machine.host_key)
    with terminal_of(laptop, 200, 50) as app:
        app.open("box", "add")
        app.until(r"How do you log in\?", r"1  rented")
        for wrong, told in (
            (f"127.0.0.1:{free_port()}", r"nobody listens at port \d+ there"),
            (f"ssh -p {machine.port} {USER}@{LOOPBACK}", r"127.0.0.1 refused the login"),
            (f"ssh -i ~/.ssh/k {USER}@gpu.lab", r"Host gpu\n  HostName gpu.lab"),
            ("ssh -p", r"nothing follows -p"),
        ):
            app.type(wrong)
            app.press("Enter")
            app.until(told, r"^> *$")
            app.clear()
        app.type("1")
        app.press("Enter")
        app.until(r"What is to answer\?")
        app.type("vlm")
        app.press("Enter")
        app.until(r"'vlm' is none of these")
        app.clear()
        app.type("vllm")
        app.press("Enter")
        app.until(r"Which model")
        app.type("/models/elsewhere")
        app.press("Enter")
        app.until(r"\[rented\] >")
        app.type("local")
        app.press("Enter")
        app.until(r"there is a box named local already")
        app.clear()
        app.press("Enter")
        app.until(r"model, place: /models/elsewhere is not there", r"Which model")
        app.type("1")
        app.press("Enter")
        app.until(r"rented is added to \S+: engine vllm, model /", r"^ended with 0")
    assert _added(laptop)["host"] == "rented"


def test_a_script_is_asked_nothing_and_told_what_is_missing(laptop: Laptop, machine: Sshd) -> None:
    laptop.add_host("rented", machine.port)
    before = laptop.config.read_text()
    nothing = laptop.run("box", "add")
    assert nothing.returncode == 2
    assert "--host is missing, and nobody can be asked" in nothing.stderr
    unknown = laptop.run("box", "add", "--host", "rented", "--yes")
    assert unknown.returncode == 3
    assert f"run again with --accept-host-key {machine.fingerprint}" in unknown.stderr
    trusting = ("--host", "rented", "--accept-host-key", machine.fingerprint)
    undecided = laptop.run("box", "add", *trusting)
    assert undecided.returncode == 2
    assert "--engine is missing" in undecided.stderr
    assert laptop.config.read_text() == before

    done = laptop.run("box", "add", "h100", *trusting, "--yes", "--engine", "vllm")
    assert done.returncode == 0, done.stderr
    assert _added(laptop)["model"] == str(machine.log.parent / "home" / "models" / "Cosmos")
    twice = laptop.run("box", "add", "h100", *trusting, "--yes", "--engine", "vllm")
    assert twice.returncode == 2
    assert "there is a box named h100 already" in twice.stderr


def test_a_machine_without_python_is_told_as_that(
    laptop: Laptop, start_sshd: StartSshd, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    machine = start_sshd(path=str(empty))
    laptop.add_host("rented", machine.port)
    laptop.trust(machine.port, machine.host_key)
    told = laptop.run("box", "add", "--host", "rented", "--yes")
    assert told.returncode == 3
    assert "Python 3.10" in told.stderr


def test_a_server_by_its_url_is_asked_for_its_models(laptop: Laptop, machine: Sshd) -> None:
    laptop.add_host("rented", machine.port)
    laptop.trust(machine.port, machine.host_key)
    url = f"http://127.0.0.1:{free_port()}/v1"
    added = laptop.run("box", "add", "--host", "rented", "--yes", "--engine", url)
    assert added.returncode == 1
    assert "server, server: cannot connect to the model server" in added.stderr
    assert "upsample doctor rented" in added.stderr
    assert _added(laptop)["openai"] == {"base_url": url}
