"""`upsample doctor`, as a user runs it: on boxes that are fine, that lack things, and that are out of reach.

sshd and the runner are real. No machine of these tests has a GPU or Docker: where one seems to be there,
a stand-in speaks (`tests.support.stand_in_programs`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartSshd
from tests.remote.engines import vllm_stand_in
from tests.support.daemons import daemons_below
from tests.support.laptop import UPSAMPLE, JsonObject, Laptop, hear_ctrl_c, journal_records
from tests.support.safetensors_files import cut_in_half, write_safetensors
from tests.support.specs import write_batch
from tests.support.sshd import BOUND, Sshd, free_port
from tests.support.stand_in_programs import GIB, StandInGpu, put_docker, put_nvidia_smi
from tests.support.waiting import wait_until

SYSTEM_PATH = "/usr/bin:/bin"


class Findings:
    """What `upsample doctor --json` told."""

    def __init__(self, ended: subprocess.CompletedProcess[str]) -> None:
        *lines, last = [json.loads(line) for line in ended.stdout.splitlines()]
        self.code = ended.returncode
        self.summary: JsonObject = last
        self._lines: list[JsonObject] = lines
        assert last["type"] == "summary"
        assert last["exit_code"] == ended.returncode
        assert {line["type"] for line in lines} == {"finding"}
        # Whatever fails comes with a fix.
        assert all(line["remedy"] for line in self.failed), self.failed

    def __getitem__(self, name: str) -> JsonObject:
        """The finding "area/name"."""
        (found,) = (line for line in self._lines if f"{line['area']}/{line['name']}" == name)
        return found

    @property
    def failed(self) -> list[JsonObject]:
        return [line for line in self._lines if line["verdict"] == "failed"]

    @property
    def failures(self) -> list[str]:
        return [f"{line['area']}/{line['name']}" for line in self.failed]


def examine(laptop: Laptop, *arguments: str) -> Findings:
    return Findings(laptop.run("doctor", "--json", *arguments))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The one folder on the box's PATH, so that no GPU, vLLM or Docker of this machine is found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    (folder / "cat").symlink_to("/bin/cat")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder in Mistral's format, its weights whole."""
    folder = tmp_path / "Cosmos"
    folder.mkdir()
    (folder / "params.json").write_text("{}")
    (folder / "tekken.json").write_text("{}")
    write_safetensors(folder / "consolidated.safetensors")
    return folder


@pytest.fixture
def gpu_box(
    laptop: Laptop, start_sshd: StartSshd, programs: Path, box_root: Path, model: Path
) -> Laptop:
    """The laptop, its box one with the engine vllm and nothing there but the model's files."""
    server = start_sshd(path=str(programs))
    laptop.trust(server.port, server.host_key)
    laptop.add_host("testbox", server.port)
    use_vllm(laptop, box_root, str(model))
    return laptop


def use_vllm(laptop: Laptop, root: Path, model: str, more: str = "") -> None:
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{root}"\nengine = "vllm"\n'
        f'model = "{model}"\n[boxes.test.vllm]\n{more}'
    )


# --- a box that is fine ---------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_box_that_works(laptop: Laptop, trusted: Sshd) -> None:
    found = examine(laptop)
    assert (found.code, found.failures) == (0, [])
    assert trusted.fingerprint in found["SSH/host key"]["detail"]
    assert found["box/runner"]["detail"].endswith(", sent")
    assert found["box/daemon"]["detail"].startswith("not running")

    again = examine(laptop)

    assert again["box/runner"]["detail"].endswith(", was there")


def test_the_embedded_box_is_fine_too(laptop: Laptop) -> None:
    found = examine(laptop)
    assert (found.code, found.failures) == (0, [])
    assert "embedded" in found["SSH/connection"]["detail"]


def test_a_daemon_that_runs_is_described_and_left_alone(laptop: Laptop, trusted: Sshd) -> None:
    laptop.configure(laptop.config.read_text().replace("idle_timeout = 2", "idle_timeout = 60"))
    before = json.loads(laptop.run("box", "status", "--json").stdout)
    found = examine(laptop)
    assert found["box/daemon"]["detail"] == (
        "running with sketch 1, these settings, 0 jobs unfinished"
    )
    assert json.loads(laptop.run("box", "status", "--json").stdout)["journal"] == before["journal"]


def test_start_has_one_job_done_and_leaves_the_queue_as_it_is(
    laptop: Laptop, trusted: Sshd
) -> None:
    found = examine(laptop, "--start")
    assert found.code == 0, found.failed
    assert found["start/first token"]["detail"].startswith("after ")
    assert laptop.jobs() == []


def test_people_get_a_table_with_words_beside_the_signs(laptop: Laptop, trusted: Sshd) -> None:
    ended = laptop.run("doctor")
    assert ended.returncode == 0
    assert "✓ ok       daemon       not running; the first job starts it" in ended.stdout
    assert "--start tries it" in ended.stderr
    assert "\x1b" not in ended.stdout


# --- a box that lacks things ----------------------------------------------------------------------


def test_a_box_without_gpu_vllm_and_model_says_how_to_mend_each(
    gpu_box: Laptop, box_root: Path
) -> None:
    use_vllm(gpu_box, box_root, "/nowhere/Cosmos")
    found = examine(gpu_box)
    assert found.code == 1
    assert found.failures == ["GPU/GPUs", "vLLM/command", "model/place"]
    assert "pip install vllm" in found["vLLM/command"]["remedy"]
    assert found["model/weights"]["verdict"] == "skipped"
    assert found["model/weights"]["detail"] == "because place failed"


def test_a_box_that_has_everything_is_fine(
    gpu_box: Laptop, box_root: Path, programs: Path, model: Path
) -> None:
    put_nvidia_smi(programs, StandInGpu())
    put_docker(programs, image="vllm/vllm-openai:v0.8.5")
    line = ["docker", "run", "-v", f"{model.parent}:/models", "vllm/vllm-openai:v0.8.5"]
    use_vllm(gpu_box, box_root, "/models/Cosmos", f"command = {json.dumps(line)}\n")
    found = examine(gpu_box)
    assert (found.code, found.failures) == (0, [])
    assert found["vLLM/docker"]["detail"] == "docker 27.3.1"
    assert found["vLLM/image"]["detail"] == "vllm/vllm-openai:v0.8.5, 20.0 GiB"
    assert found["vLLM/version"]["detail"] == "0.8.5"
    assert "whole" in found["model/weights"]["detail"]
    assert found["model/fits"]["verdict"] == "ok"
    assert found["start/last time"]["verdict"] == "skipped"


def test_docker_that_does_not_answer_keeps_the_image_from_being_looked_for(
    gpu_box: Laptop, box_root: Path, programs: Path, model: Path
) -> None:
    put_nvidia_smi(programs, StandInGpu())
    put_docker(programs, fails="Cannot connect to the Docker daemon")
    line = ["docker", "run", "-v", f"{model}:{model}", "vllm/vllm-openai:v0.8.5"]
    use_vllm(gpu_box, box_root, str(model), f"command = {json.dumps(line)}\n")
    found = examine(gpu_box)
    assert (found.code, found.failures) == (1, ["vLLM/docker"])
    assert "Cannot connect to the Docker daemon" in found["vLLM/docker"]["detail"]
    assert found["vLLM/image"]["detail"] == "because docker failed"


def test_a_gpu_that_somebody_else_fills_is_a_warning(gpu_box: Laptop, programs: Path) -> None:
    gpu = StandInGpu(used=60 * GIB)
    put_nvidia_smi(programs, gpu, processes=f"{gpu.uuid}, 4711, /usr/bin/python3, 61000")
    found = examine(gpu_box)
    assert "python3 (pid 4711)" in found["GPU/used by"]["detail"]
    assert found["model/free memory"]["verdict"] == "warning"


def test_half_copied_weights_are_found(gpu_box: Laptop, model: Path) -> None:
    cut_in_half(model / "consolidated.safetensors")
    found = examine(gpu_box)
    assert found.code == 1
    assert "model/weights" in found.failures
    assert "consolidated.safetensors has" in found["model/weights"]["detail"]


def test_a_start_that_fails_is_explained(gpu_box: Laptop) -> None:
    found = examine(gpu_box, "--start")
    assert found.code == 1
    assert "start/first token" in found.failures
    assert "vllm" in found["start/first token"]["detail"]


def test_a_start_that_is_interrupted_is_taken_back(
    gpu_box: Laptop, box_root: Path, model: Path, tmp_path: Path
) -> None:
    # A stand-in for vLLM, which takes longer to start than anybody waits.
    (tmp_path / "orders").write_text('{"start_seconds": 600}')
    command = json.dumps([sys.executable, vllm_stand_in.__file__])
    env = f'env = {{ {vllm_stand_in.FOLDER} = "{tmp_path}" }}'
    use_vllm(gpu_box, box_root, str(model), f"command = {command}\n{env}\n")
    with subprocess.Popen(
        [UPSAMPLE, "doctor", "--start", "--json"],
        cwd=gpu_box.cwd,
        env=gpu_box.environment(),
        stdout=subprocess.DEVNULL,
        preexec_fn=hear_ctrl_c,
    ) as process:
        wait_until(lambda: list(tmp_path.glob("start-*")))
        process.send_signal(signal.SIGINT)
        assert process.wait(BOUND) == 130
    wait_until(lambda: len(journal_records(box_root, "cancelled")) == 1)
    assert gpu_box.run("box", "stop").returncode == 0
    # Its child ignores SIGTERM, as EngineCore may; "has ended" means that this one is gone, too.
    assert vllm_stand_in.running_servers(tmp_path) == []


def test_stop_ends_what_a_daemon_leaves_that_is_killed_meanwhile(
    gpu_box: Laptop, trusted: Sshd, box_root: Path, one_spec: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "orders").write_text('{"start_seconds": 600}')
    command = json.dumps([sys.executable, vllm_stand_in.__file__])
    env = f'env = {{ {vllm_stand_in.FOLDER} = "{tmp_path}" }}'
    use_vllm(gpu_box, box_root, str(model), f"command = {command}\n{env}\n")
    with gpu_box.started(one_spec) as run:
        wait_until(lambda: list(tmp_path.glob("start-*")))
        run.kill()
    (daemon,) = daemons_below(box_root)
    (note,) = tmp_path.glob("start-*")
    server = json.loads(note.read_text())["pid"]
    with subprocess.Popen(
        [UPSAMPLE, "box", "stop"], cwd=gpu_box.cwd, env=gpu_box.environment()
    ) as process:
        # Its child ignores SIGTERM, and the daemon waits for that one.
        wait_until(lambda: server not in vllm_stand_in.running_servers(tmp_path))
        os.kill(daemon, signal.SIGKILL)
        assert process.wait(BOUND) == 0
    assert vllm_stand_in.running_servers(tmp_path) == []


def test_a_box_that_is_busy_with_other_settings_is_not_started_anew(
    laptop: Laptop, trusted: Sshd, box_root: Path, large_clips: list[Path]
) -> None:
    specs = write_batch(laptop.cwd, large_clips, 200)
    with laptop.started(*specs) as run:
        run.until("started")
        laptop.configure(laptop.config.read_text().replace("idle_timeout = 2", "idle_timeout = 3"))
        found = examine(laptop, "--start")
        run.kill()
    assert found.code == 1
    assert found["box/daemon"]["verdict"] == "warning"
    assert "busy with" in found["start/first token"]["detail"]
    assert "upsample box stop test" in found["start/first token"]["remedy"]


def test_a_server_that_does_not_answer_is_named(
    laptop: Laptop, trusted: Sshd, box_root: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{box_root}"\nengine = "openai"\n'
        f'model = "m"\n[boxes.test.openai]\nbase_url = "{url}"\n'
    )
    found = examine(laptop)
    assert (found.code, found.failures) == (1, ["server/server"])
    assert f"curl {url}/models" in found["server/server"]["remedy"]


def test_a_box_without_python_is_told(
    laptop: Laptop, start_sshd: StartSshd, box_root: Path
) -> None:
    server = start_sshd(path="/nonexistent")
    laptop.trust(server.port, server.host_key)
    laptop.add_host("testbox", server.port)
    laptop.add_box("testbox", box_root)
    found = examine(laptop)
    assert (found.code, found.failures) == (1, ["box/checkup"])
    assert "no python3" in found["box/checkup"]["detail"]


# --- a box that is not reached --------------------------------------------------------------------


def test_an_unknown_host_key_ends_it_and_says_how_to_accept_it(
    laptop: Laptop, sshd: Sshd, box_root: Path
) -> None:
    found = examine(laptop)
    assert (found.code, found.failures) == (3, ["SSH/host key"])
    assert f"--accept-host-key {sshd.fingerprint}" in found["SSH/host key"]["remedy"]
    assert found["SSH/login"]["verdict"] == "skipped"
    assert not box_root.exists()

    assert examine(laptop, "--accept-host-key", sshd.fingerprint).code == 0


def test_a_box_that_does_not_listen_is_not_reached(laptop: Laptop, box_root: Path) -> None:
    laptop.add_host("testbox", free_port())
    laptop.add_box("testbox", box_root)
    found = examine(laptop)
    assert (found.code, found.failures) == (3, ["SSH/connection"])
    assert found["SSH/host key"]["detail"] == "because connection failed"


def test_a_refused_login_is_not_reached(laptop: Laptop, trusted: Sshd) -> None:
    laptop.key.unlink()
    laptop.public_key.unlink()
    found = examine(laptop)
    assert (found.code, found.failures) == (3, ["SSH/login"])
    assert found["SSH/host key"]["verdict"] == "ok"


# --- this machine ---------------------------------------------------------------------------------


def test_a_config_that_cannot_be_used_is_told_and_the_box_left_alone(laptop: Laptop) -> None:
    laptop.configure("box = 7\n")
    found = examine(laptop)
    assert (found.code, found.failures) == (2, ["laptop/config"])
    assert found["box/everything"]["verdict"] == "skipped"


def test_a_box_that_is_not_in_the_config_is_told(laptop: Laptop) -> None:
    assert examine(laptop, "nowhere").failures == ["laptop/config"]


def test_a_queue_that_is_no_queue_is_told(laptop: Laptop) -> None:
    laptop.queue_file.parent.mkdir(parents=True)
    laptop.queue_file.write_text(
        "this is no database, but it is long enough to be read as one\n" * 9
    )
    found = examine(laptop)
    assert (found.code, found.failures) == (1, ["laptop/queue"])


def test_an_ffmpeg_that_does_not_run_is_told(laptop: Laptop, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "ffmpeg"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    laptop.more_environment["PATH"] = f"{broken.parent}:{SYSTEM_PATH}"
    found = examine(laptop)
    assert (found.code, found.failures) == (1, ["laptop/ffmpeg"])


def test_nothing_is_made_in_the_working_directory(laptop: Laptop) -> None:
    examine(laptop)
    assert list(laptop.cwd.iterdir()) == []
