"""A box whose vLLM runs in a container of real podman, behind a real sshd. A stand-in for vLLM answers, and,
once, real vLLM on a CPU.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.engines.podman_bench import import_server, run_line
from tests.support.daemons import daemons_below, end_daemons
from tests.support.laptop import Laptop, journal_records
from tests.support.podman import DOCKER, PODMAN, Podman, own_podman
from tests.support.specs import write_spec
from tests.support.sshd import Sshd
from tests.support.tiny_pixtral import make_tiny_pixtral
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.containers,
    pytest.mark.xdist_group("containers"),
    pytest.mark.timeout(600),
]

_COUNT = 24
_VLLM_IMAGE = "localhost/of-this-machine"
_ENDING_SECONDS = 90
"""That vLLM's end may take at most."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    with own_podman() as made:
        import_server(made)
        made.import_image(_VLLM_IMAGE)
        yield made


@pytest.fixture
def podman(own: Podman, tmp_path: Path) -> Iterator[Podman]:
    """podman for the box of one test."""
    yield own
    end_daemons(tmp_path)
    own.remove_containers()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The folder of the stand-in's orders and notes."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "orders").write_text(json.dumps({"meek": True, "request_seconds": 0.5}))
    return folder


def configure(
    laptop: Laptop, root: Path, podman: Podman, command: list[str], model: str, **env: str
) -> None:
    variables = ", ".join(
        f'{name} = "{value}"' for name, value in {**podman.environment, **env}.items()
    )
    laptop.configure(
        f'box = "test"\n[boxes.test]\nhost = "testbox"\nroot = "{root}"\nengine = "vllm"\n'
        f'model = "{model}"\nidle_timeout = 4\n'
        f"[boxes.test.vllm]\ncommand = {json.dumps(command)}\nmax_num_seqs = 2\n"
        f"env = {{ {variables} }}\n"
    )


def write_texts(laptop: Laptop, count: int) -> Path:
    entries = [{"prompt": f"scene {n}", "output_video": f"{n}.mp4"} for n in range(count)]
    return write_spec(laptop.cwd / "texts.json", entries)


def test_a_killed_daemons_container_is_removed_by_the_next_and_the_batch_completes(
    laptop: Laptop, trusted: Sshd, box_root: Path, podman: Podman, notes: Path
) -> None:
    configure(laptop, box_root, podman, list(run_line(podman, notes, DOCKER)), "/models/pixtral")

    with laptop.started(write_texts(laptop, _COUNT)) as run:
        run.until("done")
        (first,) = podman.containers()
        (daemon,) = daemons_below(box_root)
        os.kill(daemon, signal.SIGKILL)
        run.until("link", state="retrying")
        wait_until(lambda: first not in podman.containers())
        assert run.end() == 0, run.errors

    done = Counter(event["job"] for event in run.events if event["type"] == "done")
    assert len(done) == _COUNT
    assert set(Counter(journal_records(box_root, "finished")).values()) == {1}
    assert len(list(notes.glob("start-*"))) == 2
    wait_until(lambda: not podman.containers())  # idle: the GPU is given back


def test_the_doctor_says_that_docker_is_podman_and_box_stop_ends_the_container(
    laptop: Laptop, trusted: Sshd, box_root: Path, podman: Podman, notes: Path
) -> None:
    configure(laptop, box_root, podman, list(run_line(podman, notes, DOCKER)), "/models/pixtral")
    findings = [json.loads(line) for line in laptop.run("doctor", "--json").stdout.splitlines()]
    details = {f["name"]: f["detail"] for f in findings if f.get("area") == "vLLM"}
    assert re.fullmatch(rf"{DOCKER}, which is podman, [\d.]+", details["docker"])
    assert re.search(r":v0\.8\.1, [\d.]+ KiB$", details["image"])
    with laptop.started(write_texts(laptop, _COUNT)) as run:
        run.until("done")
        assert len(podman.containers()) == 1
        run.interrupt()
        run.end()
    stopped = laptop.run("box", "stop")
    assert stopped.returncode == 0, stopped.stderr
    wait_until(lambda: not podman.containers())
    log = laptop.run("box", "logs")
    assert "Loading safetensors checkpoint shards" in log.stdout


def test_real_vllm_in_a_container_answers_and_leaves_nothing_behind(
    laptop: Laptop,
    trusted: Sshd,
    box_root: Path,
    podman: Podman,
    tmp_path: Path,
    small_clips: list[Path],
) -> None:
    tiny = make_tiny_pixtral(tmp_path / "tiny")
    environment = tiny.python.parent.parent
    mounted = [environment, tiny.python.resolve().parent.parent, tiny.site]
    volumes = [word for folder in mounted for word in ("-v", f"{folder}:{folder}:ro")]
    line = [PODMAN, "run", *podman.mounts, *volumes, _VLLM_IMAGE, *tiny.command]
    configure(
        laptop,
        box_root,
        podman,
        line,
        str(tiny.model),
        PYTHONPATH=str(tiny.site),
        HF_HUB_OFFLINE="1",
    )
    entries = [
        {"prompt": "a harbour at dusk", "output_video": "0.mp4"},
        {"prompt": "a crane turns", "input_video": str(small_clips[0]), "output_video": "1.mp4"},
    ]
    laptop.more_environment["UPSAMPLE_RESERVE"] = "16"
    with laptop.started(write_spec(laptop.cwd / "two.json", entries)) as run:
        assert run.end() == 0, run.errors
    assert len([event for event in run.events if event["type"] == "done"]) == 2
    stages = [event["stage"] for event in run.events if event["type"] == "engine"]
    assert stages == ["starting", "loading weights", "answering a first request", "ready"]
    sidecar = laptop.cwd / "outputs" / ".upsample" / "two.upsample.json"
    results = json.loads(sidecar.read_text())["results"]
    assert {result["engine"] for result in results} == {"vllm 0.32.0"}
    assert [r["tokens"]["prompt_estimated"] for r in results] == [
        r["tokens"]["prompt_reported"] for r in results
    ]
    wait_until(lambda: not podman.containers(), _ENDING_SECONDS)
