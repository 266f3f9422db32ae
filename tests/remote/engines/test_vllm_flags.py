"""The command line of vLLM, in the spelling of each version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote.engines.vllm.flags import Address, has_unix_socket, serve_command
from remote.engines.vllm.installation import Version
from remote.protocol import Setup, VllmSetup

SETUP = VllmSetup(
    command=("vllm", "serve"),
    format="mistral",
    max_model_len=4096,
    max_num_seqs=16,
    images=2,
    tensor_parallel_size=1,
    gpu_memory_utilization=0.9,
)
PORT = Address(None, 8123)
SOCKET = Address(Path("/run/vllm.sock"))
NEW: Version = (0, 33, 0)


def command_of(
    *command: str, version: Version = NEW, address: Address = SOCKET, images: int = 2
) -> list[str]:
    setup = replace(SETUP, command=command, images=images)
    return list(serve_command(setup, "/m", version, address))


def values_of(command: list[str], flag: str) -> list[str]:
    """What follows the flag, each time that it comes."""
    return [command[at + 1] for at, part in enumerate(command) if part == flag]


@pytest.mark.parametrize(
    ("version", "image_limit", "socket"),
    [
        ((0, 8, 0), "image=2", False),
        ((0, 8, 1), "image=2", False),
        ((0, 8, 4), "image=2", False),
        ((0, 8, 5), '{"image": 2}', False),
        ((0, 9, 2), '{"image": 2}', False),
        ((0, 10, 1), '{"image": 2}', False),
        ((0, 10, 2), '{"image": 2}', True),
        ((0, 32, 0), '{"image": 2}', True),
        ((0, 33, 0), '{"image": 2}', True),
    ],
)
def test_each_version_gets_its_own_spelling(
    version: Version, image_limit: str, socket: bool
) -> None:
    assert has_unix_socket(version) is socket
    command = command_of("vllm", "serve", version=version, address=SOCKET if socket else PORT)
    assert values_of(command, "--limit-mm-per-prompt") == [image_limit]
    assert values_of(command, "--uds") == (["/run/vllm.sock"] if socket else [])
    assert values_of(command, "--host") == ([] if socket else ["127.0.0.1"])
    assert values_of(command, "--port") == ([] if socket else ["8123"])


def test_clips_are_allowed_where_a_box_is_for_them() -> None:
    setup = replace(SETUP, images=1, videos=2)
    for version, limits in (((0, 8, 4), "image=1,video=2"), (NEW, '{"image": 1, "video": 2}')):
        command = list(serve_command(setup, "/m", version, SOCKET))
        assert values_of(command, "--limit-mm-per-prompt") == [limits]
    # A setup without clips has the fingerprint that it had before there were any.
    whole = Setup("~/x", "vllm", "/m", 900.0, replace(SETUP, format="auto"))
    assert whole.fingerprint() == "50c5eb4f56a8"
    assert replace(whole, vllm=setup).fingerprint() != whole.fingerprint()


def test_the_whole_command() -> None:
    assert command_of("vllm", "serve") == [
        "vllm", "serve", "/m",
        "--tokenizer-mode", "mistral", "--config-format", "mistral", "--load-format", "mistral",
        "--max-model-len", "4096", "--max-num-seqs", "16", "--tensor-parallel-size", "1",
        "--gpu-memory-utilization", "0.9", "--stream-interval", "8",
        "--limit-mm-per-prompt", '{"image": 2}', "--uds", "/run/vllm.sock",
    ]  # fmt: skip


@pytest.mark.parametrize(("version", "interval"), [((0, 11, 2), []), ((0, 12, 0), ["8"])])
def test_tokens_are_sent_together_where_the_version_can(
    version: Version, interval: list[str]
) -> None:
    assert values_of(command_of("vllm", "serve", version=version), "--stream-interval") == interval


MODULE = ("python", "-m", "vllm.entrypoints.openai.api_server")


@pytest.mark.parametrize(
    ("command", "beginning"),
    [
        (("vllm", "serve"), ["vllm", "serve", "/m"]),
        # `vllm serve` refuses --model, so a flag of the user's does not push the model out of its place.
        (("vllm", "serve", "--dtype", "half"), ["vllm", "serve", "/m", "--dtype", "half"]),
        (MODULE, [*MODULE, "--model", "/m"]),
        ((*MODULE, "--dtype", "half"), [*MODULE, "--dtype", "half", "--model", "/m"]),
        # Inside a container whose entrypoint is the server.
        ((), ["--model", "/m"]),
    ],
)
def test_the_model_stands_where_the_program_looks_for_it(
    command: tuple[str, ...], beginning: list[str]
) -> None:
    assert command_of(*command)[: len(beginning)] == beginning


@pytest.mark.parametrize(
    "command",
    [("vllm", "serve", "/other"), (*MODULE, "--model", "/other"), (*MODULE, "--model=/other")],
)
def test_a_model_that_the_command_names_is_served_under_the_name_that_we_ask_for(
    command: tuple[str, ...],
) -> None:
    whole = command_of(*command)
    assert tuple(whole[: len(command)]) == command
    assert whole.count("--model") + whole.count("/m") == command.count("--model") + 1
    assert values_of(whole, "--served-model-name") == ["/m"]


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (("--max-model-len", "2048"), "--max-model-len"),
        (("--max-model-len=2048",), "--max-model-len"),
        (("--max_model_len=2048",), "--max-model-len"),
        (("--load-format", "dummy"), "--load-format"),
        (("-tp", "4"), "--tensor-parallel-size"),
        (("-tp=4",), "--tensor-parallel-size"),
        (("--limit-mm-per-prompt", '{"image": 5}'), "--limit-mm-per-prompt"),
    ],
)
def test_what_the_command_says_itself_is_left_alone(given: tuple[str, ...], flag: str) -> None:
    command = command_of("vllm", "serve", *given)
    assert tuple(command[3 : 3 + len(given)]) == given
    assert flag not in command[3 + len(given) :]


@pytest.mark.parametrize("given", [("--uds", "/x"), ("--port", "1"), ("--host=0.0.0.0",)])
@pytest.mark.parametrize("address", [SOCKET, PORT])
def test_the_address_is_ours_whatever_the_command_says(
    given: tuple[str, ...], address: Address
) -> None:
    # It comes last, and of a flag that comes twice vLLM takes the last.
    tail = ["--uds", "/run/vllm.sock"] if address is SOCKET else ["--port", "8123"]
    assert command_of("vllm", "serve", *given, address=address)[-2:] == tail


def test_the_format_auto_leaves_the_choice_to_vllm() -> None:
    command = serve_command(replace(SETUP, format="auto"), "/m", NEW, SOCKET)
    assert "mistral" not in command
    assert not {"--tokenizer-mode", "--config-format", "--load-format"} & set(command)


def test_no_number_of_images_leaves_the_limit_to_vllm() -> None:
    assert "--limit-mm-per-prompt" not in command_of("vllm", "serve", images=0)


def test_a_model_that_lies_elsewhere_keeps_the_name_that_requests_give_it() -> None:
    for command in (("vllm", "serve"), MODULE, (), (*MODULE, "--model", "/other")):
        setup = replace(SETUP, command=command)
        whole = list(serve_command(setup, "/home/ada/m", NEW, SOCKET, "~/m"))
        assert values_of(whole, "--served-model-name") == ["~/m"]
        assert whole.count("/home/ada/m") == (0 if "/other" in command else 1)
