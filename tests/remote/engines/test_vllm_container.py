"""A `docker run` line completed: what the container needs, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.vllm.container import (
    Needs,
    complete_run_line,
    find_run_line,
    is_on_host_network,
    lists_gpus,
)
from remote.engines.vllm.docker_run import BadCommandError

NEEDS = Needs("ours", 8123, ("VLLM_API_KEY",), "/models/pixtral", Path("/hub"), "")
ALWAYS = "--name=ours --rm --ipc=host --publish=127.0.0.1:8123:8123"


def completed(words: str, needs: Needs = NEEDS) -> str:
    line = find_run_line(words.split())
    assert line is not None
    return " ".join(complete_run_line(line, needs, ("--inside",)))


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("docker run IMAGE", ALWAYS),
        ("docker run --gpus all IMAGE", f"--gpus=all {ALWAYS}"),
        ("docker run -it --rm IMAGE", f"--rm {ALWAYS.replace(' --rm', '')}"),
        ("docker run --name theirs IMAGE", ALWAYS),
        ("docker run --shm-size 8g IMAGE", f"--shm-size=8g {ALWAYS.replace(' --ipc=host', '')}"),
        ("docker run --ipc=private IMAGE", f"--ipc=private {ALWAYS.replace(' --ipc=host', '')}"),
        ("docker run --network host IMAGE", "--network=host --name=ours --rm --ipc=host"),
        ("docker run --net=bridge IMAGE", f"--network=bridge {ALWAYS}"),
        ("docker run -p 9000:9000 IMAGE", f"--publish=9000:9000 {ALWAYS}"),
        ("docker run -d=false IMAGE", f"--detach=false {ALWAYS}"),
        ("docker run -e A=1 --entrypoint vllm IMAGE", f"--env=A=1 --entrypoint=vllm {ALWAYS}"),
    ],
)
def test_the_line_is_completed_with_what_the_user_did_not_give(given: str, options: str) -> None:
    assert completed(given) == f"docker run {options} --env=VLLM_API_KEY IMAGE --inside"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("docker run -d IMAGE", "--detach"),
        ("docker run -itd --rm IMAGE", "--detach"),
        ("podman run --detach=true IMAGE", "--detach"),
        ("docker run --restart always IMAGE", "--restart"),
        ("docker run --network none IMAGE", "nobody could reach"),
        ("docker run --net=container:x IMAGE", "nobody could reach"),
        ("sudo docker run IMAGE", "sudo"),
        ("sudo -n /usr/bin/podman run IMAGE", "sudo"),
        ("docker compose up", "must go on with `run`"),
    ],
)
def test_a_line_that_cannot_be_supervised_is_refused_and_says_why(given: str, words: str) -> None:
    with pytest.raises(BadCommandError, match=words):
        find_run_line(given.split())


def test_what_runs_without_a_container_is_no_line() -> None:
    assert find_run_line(["vllm", "serve"]) is None
    assert find_run_line(["sudo", "vllm", "serve"]) is None


def test_the_hosts_network_makes_the_boxs_loopback_the_containers() -> None:
    for words, on_host in (("--net host", True), ("", False), ("--network=bridge", False)):
        line = find_run_line(["docker", "run", *words.split(), "IMAGE"])
        assert line is not None
        assert is_on_host_network(line) is on_host


# --- the GPUs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("docker run IMAGE", '--gpus="device=1,3"'),
        ("docker run --gpus all IMAGE", "--env=CUDA_VISIBLE_DEVICES"),
        ("docker run --runtime nvidia IMAGE", "--env=CUDA_VISIBLE_DEVICES"),
        ("docker run --gpus all -e CUDA_VISIBLE_DEVICES=0 IMAGE", ""),
    ],
)
def test_only_the_chosen_gpus_are_seen(given: str, options: str) -> None:
    line = completed(given, replace(NEEDS, devices="1,3"))
    assert f"8123:8123 {options} --env=VLLM".replace("  ", " ") in line


@pytest.mark.parametrize(
    ("options", "chosen", "devices"),
    [
        ("", "1,3", ["1", "3"]),
        ("", "", []),
        ("--gpus all", "", ["all"]),
        ("--gpus all", "1,3", ["1", "3"]),
        ("--gpus 2", "", ["0", "1"]),
        ('--gpus "device=0,2"', "", ["0", "2"]),
    ],
)
def test_podman_gets_gpus_in_its_own_words_since_it_may_pass_over_dockers(
    options: str, chosen: str, devices: list[str]
) -> None:
    needs = replace(NEEDS, devices=chosen, is_podman=True, lists_gpus=True)
    words = completed(f"docker run {options} IMAGE", needs).split()
    assert [word for word in words if "gpu" in word] == [
        f"--device=nvidia.com/gpu={device}" for device in devices
    ]


def test_without_a_list_of_devices_podman_gets_the_line_as_it_is(tmp_path: Path) -> None:
    line = completed("podman run --gpus all IMAGE", replace(NEEDS, is_podman=True))
    assert "--gpus=all" in line
    assert "--device" not in line
    (tmp_path / "intel.yaml").write_text("kind: intel.com/gpu\n")
    assert not lists_gpus([tmp_path / "nowhere", tmp_path])
    (tmp_path / "nvidia.yaml").write_text("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n")
    assert lists_gpus([tmp_path / "nowhere", tmp_path])


# --- the model -------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "pixtral"
    folder.mkdir(parents=True)
    (folder / "params.json").touch()
    return folder


def mounts(words: str, model: Path | str, hub: Path = Path("/hub")) -> list[str]:
    line = completed(words, replace(NEEDS, model=str(model), hub=hub))
    return [
        word.partition("=")[2]
        for word in line.split()
        if word.startswith(("--mount=", "--env=HF_HOME"))
    ]


def test_a_folder_of_the_box_is_mounted_at_its_own_path_and_not_to_be_written(model: Path) -> None:
    assert mounts("docker run IMAGE", model) == [f"type=bind,src={model},dst={model},readonly"]


@pytest.mark.parametrize(
    "option", ["-v {}:{}", "--volume={}:{}:ro", "--mount type=bind,src={},dst={}"]
)
def test_what_the_line_mounts_itself_is_not_mounted_again(option: str, model: Path) -> None:
    for folder in (model, model.parent):
        words = option.format("/elsewhere", folder)
        again = [
            mount for mount in mounts(f"docker run {words} IMAGE", model) if "readonly" in mount
        ]
        assert again == []


def test_a_mount_beside_the_model_does_not_count(model: Path) -> None:
    assert len(mounts(f"docker run -v /x:{model}-2 IMAGE", model)) == 1


def test_a_path_that_the_box_does_not_have_is_the_images_own() -> None:
    assert mounts("docker run IMAGE", "/in/the/image") == []


def test_links_out_of_the_models_folder_lead_somewhere(model: Path) -> None:
    blobs = model.parent.parent / "blobs"
    blobs.mkdir()
    (blobs / "f00d").touch()
    (model / "weights").symlink_to(blobs / "f00d")
    (model / "alias").symlink_to("params.json")
    assert [mount.split(",")[1] for mount in mounts("docker run IMAGE", model)] == [
        f"src={model}",
        f"src={blobs}",
    ]


def test_a_comma_in_a_path_ends_no_field(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    folder.mkdir()
    (mount,) = mounts("docker run IMAGE", folder)
    assert mount == f'type=bind,"src={folder}","dst={folder}",readonly'


def test_a_name_of_the_hub_is_kept_where_the_box_keeps_them(tmp_path: Path) -> None:
    hub = tmp_path / "hf"
    assert mounts("docker run IMAGE", "nvidia/Cosmos", hub) == [
        f"type=bind,src={hub},dst={hub}",
        "HF_HOME",
    ]
    assert hub.is_dir()


@pytest.mark.parametrize("words", ["-v /hf:/root/.cache/huggingface", "-e HF_HOME=/x"])
def test_a_cache_that_the_line_gives_is_left_alone(words: str, tmp_path: Path) -> None:
    found = mounts(f"docker run {words} IMAGE", "nvidia/Cosmos", tmp_path / "hf")
    assert found == (["HF_HOME=/x"] if "HF_HOME" in words else [])
