"""What a daemon is started with follows from the config, and from no more of it than its engine uses."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.box.setup import make_box
from backend.config import Layer, Settings, Table, check_layers
from backend.planning.orders import Batch, make_jobs
from backend.specs.model import Spec, SpecFormat
from backend.store import Store
from remote.engines.vllm.flags import Address, serve_command
from remote.protocol import LlamaSetup, OpenAISetup, Patience, Setup, VllmSetup

_BOXES: Table = {
    "boxes": {
        "gpu": {
            "host": "gpu-box",
            "root": "/scratch/upsample",
            "model": "/models/pixtral",
            "idle_timeout": 60,
            "vllm": {"env": {"HF_HOME": "/data/hf", "A": "1=2"}, "cuda_visible_devices": "1"},
        },
        "ray": {
            "engine": "openai",
            "model": "pixtral",
            "openai": {"base_url": "http://h:8000/v1", "api_key_env": "KEY", "slots": 3},
        },
    }
}


def settings_with(**upsampling: object) -> Settings:
    return check_layers([Layer("here", _BOXES), Layer("there", {"upsampling": upsampling})])


def setup_of(name: str, settings: Settings | None = None) -> Setup:
    settings = settings or settings_with()
    return make_box(name, settings.boxes[name], settings).setup


def test_a_box_with_vllm() -> None:
    box = make_box("gpu", settings_with().boxes["gpu"], settings_with())
    assert (box.name, box.host) == ("gpu", "gpu-box")
    assert box.setup == Setup(
        root="/scratch/upsample",
        engine="vllm",
        model="/models/pixtral",
        idle_timeout=60.0,
        vllm=VllmSetup(
            command=("vllm", "serve"),
            format="mistral-or-auto",
            max_model_len=4096,
            max_num_seqs=16,
            images=2,
            tensor_parallel_size=1,
            gpu_memory_utilization=0.9,
            cuda_visible_devices="1",
            env=("A=1=2", "HF_HOME=/data/hf"),
        ),
        patience=Patience(300.0, 60.0),
        keep_days=30.0,
    )


def test_a_box_whose_server_runs_already() -> None:
    setup = setup_of("ray")
    assert setup.openai == OpenAISetup("http://h:8000/v1", "KEY", 3)
    assert setup.vllm is None


def test_the_embedded_box_needs_nothing() -> None:
    setup = setup_of("local")
    assert (setup.engine, setup.vllm, setup.openai) == ("sketch", None, None)
    assert setup.patience is None


def test_a_slow_model_gets_the_time_that_its_box_says() -> None:
    slow: Table = {"boxes": {"gpu": {"first_token_timeout": 900, "next_token_timeout": 120.5}}}
    settings = check_layers([Layer("here", _BOXES), Layer("slow", slow)])
    assert setup_of("gpu", settings).patience == Patience(900.0, 120.5)
    assert setup_of("ray", settings).patience == Patience(300.0, 60.0)


def test_reason1_is_loaded_as_hugging_face_has_it() -> None:
    vllm = setup_of("gpu", settings_with(profile="reason1", frames_to_extract=3)).vllm
    assert vllm is not None
    assert (vllm.format, vllm.images) == ("auto", 3)
    command = serve_command(vllm, "/models/reason1", (0, 32, 0), Address(None, 8000))
    assert not [flag for flag in command if "mistral" in flag]


def test_the_jobs_that_are_queued_decide_and_one_without_a_profile_is_left_out(
    tmp_path: Path,
) -> None:
    spec = Spec(SpecFormat.TEXT, tmp_path / "a.txt", 0, 1, "a", "dusk")
    settings = settings_with(profile="reason1", frames_to_extract=6)
    batch = Batch("gpu", settings.boxes["gpu"], settings.upsampling, tmp_path)
    good = make_jobs([spec], [], batch)[0]
    gone = replace(good, key="gone", settings=good.settings.replace('"reason1"', '"gone"'))
    with closing(Store(tmp_path / "queue.db")) as store:
        jobs = store.queue([good, gone])
    today = settings_with()
    vllm = make_box("gpu", today.boxes["gpu"], today, [job.settings for job in jobs]).setup.vllm
    assert vllm is not None
    assert (vllm.format, vllm.images) == ("auto-or-mistral", 6)
    only_gone = make_box("gpu", today.boxes["gpu"], today, [jobs[1].settings]).setup.vllm
    assert only_gone is not None
    assert (only_gone.format, only_gone.images) == ("mistral-or-auto", 2)


def test_a_profile_that_is_chosen_says_the_format_and_one_that_fits_leaves_it_to_the_box() -> None:
    chosen = setup_of("gpu", settings_with(profile="transfer1")).vllm
    assert chosen is not None
    assert chosen.format == "mistral"
    settings = settings_with()
    texts = {
        name: settings_with(profile=name).upsampling.model_dump_json()
        for name in ("transfer1", "cosmos3")
    }
    for names, form in [
        (["transfer1"], "mistral-or-auto"),
        (["cosmos3"], "auto-or-mistral"),
        (["transfer1", "cosmos3"], "auto-or-mistral"),
    ]:
        queued = [texts[name] for name in names]
        vllm = make_box("gpu", settings.boxes["gpu"], settings, queued).setup.vllm
        assert vllm is not None
        assert vllm.format == form


def test_all_the_videos_of_a_spec_of_transfer1_may_be_shown_at_once() -> None:
    vllm = setup_of("gpu", settings_with(media="all")).vllm
    assert vllm is not None
    assert vllm.images == 2 * 9


@pytest.mark.parametrize(
    "change", [{"max_tokens": 8192}, {"frames_to_extract": 3}, {"media": "both"}]
)
def test_a_daemon_is_replaced_only_for_what_its_engine_uses(change: dict[str, object]) -> None:
    changed = settings_with(**change)
    differs = {
        name: setup_of(name).fingerprint() != setup_of(name, changed).fingerprint()
        for name in ("gpu", "ray", "local")
    }
    assert differs == {"gpu": True, "ray": False, "local": False}


@pytest.mark.parametrize("change", [{"reserve": 16}, {"fit": "safe"}, {"frame_sampling": "first"}])
def test_what_only_the_laptop_uses_replaces_no_daemon(change: dict[str, object]) -> None:
    changed = settings_with(**change)
    for name in ("gpu", "ray", "local"):
        assert setup_of(name).fingerprint() == setup_of(name, changed).fingerprint()


def test_a_setting_that_came_later_ends_no_daemon_of_a_box_that_does_not_use_it() -> None:
    """The hash is that of a version without the setting data_parallel_size."""
    vllm = VllmSetup(("vllm", "serve"), "mistral", 4096, 16, 2, 1, 0.9)
    patience = Patience(300, 60)
    setup = Setup("~/.cache/upsample", "vllm", "/models/pixtral", 900.0, vllm, patience=patience)
    assert setup.fingerprint() == "883ba71e8aeb"
    two = replace(setup, vllm=replace(vllm, data_parallel_size=2))
    assert two.fingerprint() != setup.fingerprint()


def test_the_order_of_the_environment_does_not_matter() -> None:
    turned: Table = {"boxes": {"gpu": {"vllm": {"env": {"A": "1=2", "HF_HOME": "/data/hf"}}}}}
    settings = check_layers([Layer("here", _BOXES), Layer("turned", turned)])
    assert setup_of("gpu", settings) == setup_of("gpu")


def test_a_box_with_llama_gets_a_context_and_other_setups_keep_their_fingerprint() -> None:
    model: Table = {"boxes": {"local": {"engine": "llama", "llama": {"slots": 3}}}}
    longer: Table = {"upsampling": {"max_tokens": 8192}}
    settings = check_layers([Layer("here", _BOXES), Layer("model", model), Layer("long", longer)])
    setup = setup_of("local", settings)
    assert setup.llama == LlamaSetup(python="", mmproj="", slots=3, context=8192)
    assert setup.patience is not None
    told: Table = {"boxes": {"local": {"llama": {"context": 2048}}}}
    settings = check_layers([Layer("here", _BOXES), Layer("model", model), Layer("told", told)])
    assert setup_of("local", settings).llama == LlamaSetup("", "", 3, 2048)
    # As every version before this engine has computed it.
    assert Setup("/r", "sketch", "", 60.0).fingerprint() == "420f02bd589c"
