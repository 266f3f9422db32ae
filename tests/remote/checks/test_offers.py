"""What a machine that is to become a box could answer with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from remote.checks import offers
from remote.checks.models_on_disk import find_models
from remote.checks.ray_cluster import find_ray, measure_ray
from remote.protocol import Offer, OfferKind
from tests.remote.engines.openai_stand_in import Visit, standing_in, whole
from tests.support.safetensors_files import write_safetensors
from tests.support.stand_in_programs import StandInGpu, put_nvidia_smi


@pytest.fixture(autouse=True)
def bare(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without programs; their folder."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("HF_HOME", raising=False)
    return programs


def _model(folder: Path, config: str, weights: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True)
    (folder / config).write_text(
        json.dumps({"vision_config": {}} if "pixtral" in folder.name else {})
    )
    write_safetensors(folder / weights)
    return folder


def test_models_are_found_in_the_cache_and_in_folders_those_that_see_pictures_first(
    own_home: Path,
) -> None:
    hub = own_home / ".cache" / "huggingface" / "hub" / "models--owner--text"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text("c0ffee")
    _model(hub / "snapshots" / "c0ffee", "config.json")
    pixtral = _model(own_home / "models" / "mistral" / "pixtral", "config.json")
    (own_home / "models" / "notes").mkdir()
    found = [
        offer
        for offer in find_models()
        if "/models/" not in offer.value or "mistral" in offer.value
    ]
    assert [offer.value for offer in found][:2] == [str(pixtral), "owner/text"]
    assert found[0].detail.endswith(", sees pictures")


def test_a_ray_is_found_by_its_raylet(tmp_path: Path) -> None:
    for pid, line in (
        ("1", "python\0-c\0--gcs-address=9.9.9.9:1\0"),
        (
            "7",
            "/r/raylet/raylet\0--gcs-address=10.0.0.1:6379\0--python_worker_command=/r/bin/python x",
        ),
        ("8", "/r/raylet/raylet\0--gcs-address=10.0.0.1:6379\0"),
    ):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text(line)
    assert find_ray(tmp_path) == [Offer(OfferKind.RAY, "10.0.0.1:6379", program="/r/bin/python")]


@pytest.mark.parametrize(
    ("printed", "detail"),
    [
        ('noise\n[2, 16, "2.60.0"]', "Ray 2.60.0, 2 nodes, 16 GPUs"),
        ('[1, 1, "2.54.1"]', "Ray 2.54.1, 1 node, 1 GPU"),
        ("Traceback", ""),
        ("", ""),
    ],
)
async def test_a_ray_tells_its_size_where_it_can(tmp_path: Path, printed: str, detail: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n".replace("cat", "/bin/cat"))
    python.chmod(0o755)
    found = Offer(OfferKind.RAY, "10.0.0.1:6379", program=str(python))
    assert (await measure_ray(found)).detail == detail


async def _offered() -> list[Offer]:
    found: list[Offer] = []
    await asyncio.to_thread(offers.find_offers, found.append)
    return found


async def test_gpus_vllm_and_servers_on_the_usual_ports_are_offered(
    bare: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_nvidia_smi(bare, StandInGpu())
    monkeypatch.setattr(offers, "find_ray", list)  # other tests may have a Ray on this machine
    (bare / "cat").symlink_to("/bin/cat")
    vllm = own_home / "venv" / "bin" / "vllm"
    vllm.parent.mkdir(parents=True)
    vllm.write_text("#!/bin/sh\n")

    async def models(visit: Visit) -> None:
        await visit.send(whole(b'{"data": [{"id": "one"}, {"id": "two"}]}'))

    async def nothing(visit: Visit) -> None:
        await visit.send(whole(b"<html>", "404 No"))

    async with standing_in(models) as serving, standing_in(nothing) as other:
        ports = tuple(
            int(s.server.base_url.rpartition(":")[2].removesuffix("/v1")) for s in (serving, other)
        )
        monkeypatch.setattr(offers, "USUAL_PORTS", ports)
        found = await _offered()

    by_kind = {offer.kind: offer for offer in found}
    assert by_kind[OfferKind.GPU].value == "NVIDIA H100 80GB HBM3"
    assert by_kind[OfferKind.VLLM].value == str(vllm)
    servers = [offer for offer in found if offer.kind == OfferKind.SERVER]
    assert servers == [
        Offer(OfferKind.SERVER, f"http://127.0.0.1:{ports[0]}/v1", models=("one", "two"))
    ]
    assert [visit.path for visit in serving.visits] == ["/v1/models"]
