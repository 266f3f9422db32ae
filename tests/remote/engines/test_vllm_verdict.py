"""Which ends of a vLLM that did not start are for good, and which line of its log is told as the cause."""

from __future__ import annotations

import pytest

from backend.troubles.entries import all_entries
from remote.engines.vllm.verdict import cause_of, is_for_good

FOR_GOOD = {
    "aimv2-clash",
    "broken-install",
    "chat-template-missing",
    "container-program-missing",
    "docker-image-missing",
    "docker-no-gpu",
    "docker-permission",
    "driver-too-old",
    "file-not-readable",
    "gated-model",
    "image-without-registry",
    "model-not-found",
    "model-not-supported",
    "no-bfloat16",
    "no-chat-template",
    "podman-no-gpu",
    "podman-socket",
    "tokenizer-missing",
    "unknown-option",
    "unknown-quantization",
    "vllm-not-installed",
}
"""Known troubles of which at least one wording is for good."""
MAY_PASS = {
    "disk-full",
    "docker-not-running",
    "driver-updated",
    "engine-dead",
    "gpu-fault",
    "gpu-memory-loading",
    "gpu-memory-running",
    "gpu-memory-warming-up",
    "gpu-taken",
    "hub-unreachable",
    "killed",
    "kv-cache-too-small",
    "model-file-broken",
    "model-half-copied",
    "nccl-error",
    "no-gpu",
    "no-room-for-cache",
    "port-in-use",
    "shared-memory-too-small",
    "too-many-files",
}
"""Known troubles that may pass by themselves, in every wording."""


@pytest.mark.parametrize("name", sorted(FOR_GOOD | MAY_PASS))
def test_only_what_can_never_pass_by_itself_is_for_good(name: str) -> None:
    (entry,) = (entry for entry in all_entries() if entry.id == name)
    verdicts = {is_for_good(["INFO starting", example]) for example in entry.examples}
    assert (True in verdicts) is (name in FOR_GOOD)


def test_what_only_follows_from_a_cause_that_may_pass_is_not_for_good() -> None:
    missing = "OSError: m/m does not appear to have a file named config.json."
    assert is_for_good([missing])
    assert not is_for_good(["OSError: We couldn't connect to 'https://huggingface.co'", missing])


@pytest.mark.parametrize(
    "line",
    [
        "WARNING 11-22 09:15:01 [interface.py:391] No vllm._moe_C: ImportError('_moe_C.abi3.so: "
        "undefined symbol: _ZN3c105ErrorC2E')",
        "(EngineCore_0 pid=71) INFO 11-22 09:15:02 [config.py:9] default chat template is no longer allowed",
        "(APIServer pid=7) WARNING 11-22 09:15:03 [hub.py:4] nvidia/Cosmos is a gated repo; it is here",
        "(VllmWorker rank=0 pid=72) WARNING 11-22 09:15:03 [hub.py:4] nvidia/Cosmos is a gated repo",
        "UserWarning: The NVIDIA driver on your system is too old (found version 11040).",
        "/home/ada/.bashrc: line 3: module: command not found",
    ],
)
def test_what_is_said_at_a_start_that_goes_well_is_no_verdict_and_no_cause(line: str) -> None:
    error = "ValueError: Free memory on device cuda:0 (1/79 GiB) on startup is less than desired"
    assert not is_for_good([line, error])
    assert cause_of([line, error]) == error


@pytest.mark.parametrize(
    "cause",
    [
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or "
        "'namespace/repo_name': '/models/nonexistent'. Use `repo_type` argument if needed.",
        "Value error, Invalid repository ID or local directory specified: '/models/empty'.",
        "Value error, The checkpoint you are trying to load has model type `nonsense_model` but "
        "Transformers does not recognize this architecture.",
        "api_server.py: error: unrecognized arguments: --nonsense",
    ],
)
def test_these_ends_of_vllm_0_32_are_for_good_and_told_by_these_lines(cause: str) -> None:
    log = [
        "(APIServer pid=46) INFO 11-30 12:41:20 [utils.py:240] non-default args: {}",
        "(APIServer pid=46) Traceback (most recent call last):",
        f"(APIServer pid=46) {cause}",
        "(APIServer pid=46)     For further information visit https://errors.pydantic.dev/2.14/v/value_error",
    ]
    assert is_for_good(log)
    assert cause_of(log) == cause


@pytest.mark.parametrize(
    ("cause", "for_good"),
    [
        (
            "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            False,
        ),
        (
            "docker: permission denied while trying to connect to the Docker daemon socket at unix:///x",
            True,
        ),
        ("unknown flag: --gups", True),
        ("docker: invalid reference format: repository name (X) must be lowercase", True),
        (
            'Failed to initialize: unable to resolve docker endpoint: context "h100": context not found',
            True,
        ),
    ],
)
def test_dockers_own_refusals_are_told_and_not_the_hint_below_them(
    cause: str, for_good: bool
) -> None:
    log = [
        "Emulate Docker CLI using podman.",
        cause,
        "",
        "Run 'docker run --help' for more information",
    ]
    assert cause_of(log) == cause
    assert is_for_good(log) == for_good


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ([], ""),
        (["INFO one", "two "], "two"),
        (
            [
                "(EngineCore_0 pid=71) ERROR 11-22 09:15:08 [core.py:700] torch.OutOfMemoryError: CUDA",
                "(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above.",
                "/usr/lib/python3/resource_tracker.py:254: UserWarning: 1 leaked semaphore",
            ],
            "torch.OutOfMemoryError: CUDA",
        ),
        (
            ["ValueError: No supported config format found in /m.", "OSError: [Errno 5] later"],
            "ValueError: No supported config format found in /m.",
        ),
        (["E" * 1000 + "Error"], "E" * 400),
    ],
)
def test_the_cause_is_the_last_error_that_is_no_echo(lines: list[str], cause: str) -> None:
    assert cause_of(lines) == cause
