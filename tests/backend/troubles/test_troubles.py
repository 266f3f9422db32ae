"""Raw errors become advice: the right trouble, the right size, and nothing hostile gets through."""

from __future__ import annotations

import importlib
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from backend.sizes import Bound, Size
from backend.tokens import MISTRAL_SMALL, fit
from backend.troubles import ExplainedTrouble, Facts, translate
from backend.troubles.entries import KnownTrouble, all_entries, all_groups
from backend.troubles.evidence import weigh
from backend.troubles.matching import LAST_CHARACTERS, LAST_LINES, LONGEST_VALUE
from backend.troubles.sentences import UNKNOWN, fill, placeholders
from backend.troubles.troubleshooting_page import troubleshooting_page

ROOT = Path(__file__).parents[3]
ENTRIES = all_entries()

CLIP = Facts(source=Size(1280, 704), frames=2, text_tokens=16, limit=4096, reserve=300)
"""The request that users meet the limit with."""

NOISE = "INFO 07-21 16:24:07 [loggers.py:122] Engine 000: Avg prompt throughput: 0.0 tokens/s\n"

EXAMPLES = [
    pytest.param(entry, example, id=f"{entry.id}-{number}")
    for entry in ENTRIES
    for number, example in enumerate(entry.examples)
]

TOO_LONG = [
    "The decoder prompt (length 4699) is longer than the maximum model length of 4096. Make sure that",
    "Prompt length of 4699 is longer than the maximum model length of 4096.",
    "This model's maximum context length is 4096 tokens. However, you requested 4999 tokens "
    "(4699 in the messages, 300 in the completion). Please reduce the length of the messages.",
]


def explained(raw: str, facts: Facts = CLIP) -> ExplainedTrouble:
    trouble = translate(raw, facts)
    assert trouble is not None
    return trouble


def text_of(trouble: ExplainedTrouble) -> str:
    return f"{trouble.what} {trouble.why} {trouble.do}"


# --- the data ---------------------------------------------------------------------------------------


def test_every_id_is_there_once() -> None:
    ids = [entry.id for entry in ENTRIES]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_entry_is_whole(entry: KnownTrouble) -> None:
    assert set(entry.id) <= set(string.ascii_lowercase + string.digits + "-")
    assert entry.group in all_groups()
    for pattern in entry.patterns:
        assert any(pattern.search(example) for example in entry.examples), pattern.pattern
    for sentence in (entry.what, entry.why, entry.do):
        assert fill(sentence, {})[-1] == "."
        assert UNKNOWN not in fill(sentence, {}), "it must read well when nothing is known"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_sentence_names_only_what_can_be_known(entry: KnownTrouble) -> None:
    known = {"frames", "limit", "reserve", "box", "model", "base_url", "gpu_processes"}
    known |= {"fitting_size", "fitting_tokens", "too_large_source"}
    for pattern in entry.patterns:
        known |= set(pattern.groupindex)
    assert placeholders(entry.what + entry.why + entry.do) <= known


@pytest.mark.parametrize(("entry", "example"), EXAMPLES)
def test_an_example_is_recognised_amid_other_lines(entry: KnownTrouble, example: str) -> None:
    for raw in (example, f"{NOISE * 50}ERROR 07-21 16:24:09 [core.py:632] {example}\n{NOISE * 3}"):
        trouble = explained(raw)
        assert trouble.id == entry.id
        assert not set("{}[]") & set(text_of(trouble).replace("(['", "").replace("'])", ""))


# --- which one --------------------------------------------------------------------------------------


def test_the_cause_before_enginedeaderror_wins() -> None:
    log = """\
(EngineCore_0 pid=4711) ERROR 11-02 10:11:12 [core.py:710] Traceback (most recent call last):
(EngineCore_0 pid=4711) ERROR 11-02 10:11:12 [core.py:710]   File "/venv/vllm/v1/engine/core.py", line 701
(EngineCore_0 pid=4711) ERROR 11-02 10:11:12 [core.py:710] torch.OutOfMemoryError: CUDA out of memory. \
Tried to allocate 1.22 GiB. GPU 0 has a total capacity of 79.19 GiB of which 1.02 GiB is free.
(APIServer pid=4700) ERROR 11-02 10:11:13 [async_llm.py:420] AsyncLLM output_handler failed.
(APIServer pid=4700) vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. \
See stack trace (above) for the root cause.
"""
    trouble = explained(log)
    assert trouble.id == "gpu-memory-running"
    assert "1.22 GiB" in trouble.what
    assert explained(log.splitlines()[-1]).id == "engine-dead"


def test_memory_that_runs_out_while_loading_is_told_apart() -> None:
    log = """\
  File "/venv/vllm/v1/worker/gpu_worker.py", line 180, in load_model
    self.model_runner.load_model()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 140.00 MiB.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
    assert explained(log).id == "gpu-memory-loading"


def test_a_gated_model_wins_over_the_missing_one_that_it_leads_to() -> None:
    log = """\
huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-66f4b037)
Cannot access gated repo for url https://huggingface.co/mistralai/Pixtral-12B-2409/resolve/main/config.json.
ValueError: Invalid repository ID or local directory specified: 'mistralai/Pixtral-12B-2409'.
"""
    trouble = explained(log)
    assert trouble.id == "gated-model"
    assert "https://huggingface.co/mistralai/Pixtral-12B-2409," in trouble.do


def test_an_exit_code_counts_more_than_a_refused_request() -> None:
    facts = Facts(exit_code=-9)
    assert explained(NOISE + TOO_LONG[0] + "\nEngineDeadError", facts).id == "killed"
    assert explained("", facts).id == "killed"
    assert explained("CUDA out of memory", facts).id == "gpu-memory-running"


def test_a_refused_request_does_not_explain_why_a_process_ended() -> None:
    log = f"{TOO_LONG[0]}\n{NOISE}EngineDeadError"
    assert explained(log).id == "prompt-too-long"
    assert explained(log, Facts(exit_code=1)).id == "engine-dead"


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"])
def test_a_missing_variable_of_torchrun_is_named(variable: str) -> None:
    trouble = explained(f"  File \"<frozen os>\", line 679\nKeyError: '{variable}'\n")
    assert (trouble.id, variable in trouble.what) == ("torchrun-variables", True)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "\n\n",
        "everything is fine",
        "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'prompt'",
        "KeyError: 'vocab_size'",
        "INFO 07-21 [config.py] model config: vocab_size=131072, max_seq_len=4096, 'vocab_size': 7",
        NOISE * 100,
    ],
)
def test_an_unknown_text_is_not_guessed_at(raw: str) -> None:
    assert translate(raw) is None


# --- and no other ---------------------------------------------------------------------------------

OTHER_CAUSES = tomllib.loads(Path(__file__).with_name("other_causes.toml").read_text("utf-8"))

HEALTHY_START = Path(__file__).with_name("healthy_start.txt").read_text("utf-8")
"""What vLLM and what is around it log while all goes well."""


def test_every_entry_has_other_causes_of_its_symptom() -> None:
    assert set(OTHER_CAUSES) == {entry.id for entry in ENTRIES}
    assert all(len(texts) >= 3 for texts in OTHER_CAUSES.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_another_cause_of_the_same_symptom_is_not_told_as_this_one(entry: KnownTrouble) -> None:
    for text in OTHER_CAUSES[entry.id]:
        trouble = translate(f"{NOISE}{text}\n{NOISE}", CLIP)
        assert trouble is None or trouble.id != entry.id, text


def test_the_warnings_of_a_healthy_start_are_no_cause() -> None:
    unknown = "ValueError: Something that nobody has seen before"
    wrong_path = (
        "OSError: /models/cosmo is not a local folder and is not a valid model identifier listed on "
        "'https://huggingface.co/models'"
    )
    ended = "vLLM ended while starting, with exit status 1:\n"
    assert translate(f"{ended}{HEALTHY_START}{unknown}") is None
    assert explained(f"{ended}{HEALTHY_START}{wrong_path}").id == "model-not-found"
    assert explained(f"{ended}{HEALTHY_START}{wrong_path}\n{unknown}").id == "model-not-found"


def test_a_warning_of_python_counts_where_no_exception_names_another_cause() -> None:
    warning = (
        "/venv/file_download.py:1: UserWarning: Not enough free disk space to download the file."
    )
    assert explained(f"{warning}\nEngineDeadError").id == "disk-full"
    assert translate(f"{warning}\nValueError: something else") is None


def test_a_line_of_source_code_in_a_traceback_is_no_cause() -> None:
    traceback = """\
  File "/venv/hub.py", line 7, in load
    raise OSError(
    ~~~~~~~~~~~~~^
        "No space left on device",
    ...<3 lines>...
    )
KeyError: 'prompt'"""
    for prefix in (
        "",
        "(APIServer pid=7) ",
        "[rank0]: ",
        "(EngineCore_0 pid=4711) ERROR 11-02 10:11:12 [core.py:710] ",
        "(EngineCore_0 pid=4711) (VllmWorker rank=0 pid=4712) ERROR 11-02 10:11:12 [core.py:710] ",
        "ERROR 05-10 15:51:55 core.py:387] ",
    ):
        warning = f"{prefix}UserWarning: Not enough free disk space to download the file.\n"
        log = "".join(f"{prefix}{line}\n" for line in traceback.split("\n"))
        assert translate(warning + log) is None
        assert (
            explained(log.replace("KeyError: 'prompt'", "OSError: os error 28")).id == "disk-full"
        )


def test_a_start_that_failed_is_not_told_as_a_request_or_a_server_of_ones_own() -> None:
    log = "HTTP 401 Unauthorized\ncannot connect to the model server at http://a:1: refused"
    assert translate(f"vLLM ended while starting, with exit status 1:\n{log}") is None
    assert explained("vLLM ended while starting, with exit status 127:\n").id == "command-not-found"


# --- what is filled in ------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [*TOO_LONG, "ValueError: Token id 151708 is out of vocabulary"])
def test_the_size_that_fits_is_named(raw: str) -> None:
    size = fit(Size(1280, 704), text=16, limit=4096, reserve=300, frames=2)
    trouble = explained(raw)
    assert f"Send the frames at {size} " in trouble.do
    assert "of 4,096 tokens and keeps 300 for the answer" in trouble.do


def test_the_servers_own_limit_counts_and_not_the_configured_one() -> None:
    trouble = explained(
        "The decoder prompt (length 4699) is longer than the maximum model length of 2048."
    )
    size = fit(Size(1280, 704), text=16, limit=2048, reserve=300, frames=2)
    assert f"Send the frames at {size} " in trouble.do
    assert "2,048" in trouble.what
    assert "4,699" in trouble.what


def test_the_models_rule_and_the_bound_count() -> None:
    facts = Facts(
        source=Size(1920, 1080), frames=4, text_tokens=16, limit=4096, reserve=300,
        rule=MISTRAL_SMALL, bound=Bound(shorter=480),
    )  # fmt: skip
    size = fit(
        Size(1920, 1080), text=16, limit=4096, reserve=300, frames=4,
        rule=MISTRAL_SMALL, bound=Bound(shorter=480),
    )  # fmt: skip
    assert str(size) in explained(TOO_LONG[0], facts).do


def test_a_prompt_beside_which_nothing_fits_is_told() -> None:
    facts = Facts(source=Size(1280, 704), frames=2, text_tokens=5000, limit=4096, reserve=300)
    assert "No size of 1280x704 leaves room" in explained(TOO_LONG[0], facts).do


@pytest.mark.parametrize(
    "facts", [Facts(), Facts(source=Size(64, 64), frames=1, text_tokens=1, reserve=1)]
)
def test_no_size_is_made_up(facts: Facts) -> None:
    assert "`upsample fit VIDEO` names it" in explained(TOO_LONG[0], facts).do


def test_whoever_holds_the_gpu_is_named() -> None:
    raw = (
        "ValueError: Free memory on device cuda:0 (10.52/79.19 GiB) on startup is less than desired "
        "GPU memory utilization (0.9, 71.27 GiB). Decrease GPU memory utilization"
    )
    holders = tuple(f"ada's python3 (pid {number}, 9.1 GiB)" for number in range(7))
    trouble = explained(raw, Facts(gpu_processes=holders))
    assert trouble.id == "gpu-taken"
    assert "10.52 of 79.19 GiB are free, and 71.27 are wanted" in trouble.what
    assert "ada's python3 (pid 0, 9.1 GiB), " in trouble.why
    assert "and 2 more." in trouble.why
    assert "nvidia-smi" in explained(raw, Facts()).why


# --- hostile texts ----------------------------------------------------------------------------------


def test_only_the_end_of_a_long_log_is_looked_at() -> None:
    assert translate("CUDA out of memory\n" + "x\n" * LAST_LINES) is None
    assert translate("CUDA out of memory" + "x" * LAST_CHARACTERS) is None
    assert explained(NOISE * 20_000 + "CUDA out of memory").id == "gpu-memory-running"


def test_a_line_of_a_megabyte_is_read_at_both_ends() -> None:
    assert explained("x" * 1_000_000 + " EngineDeadError").id == "engine-dead"
    known_models = ", ".join(f"'Model{number}'" for number in range(1500))
    raw = f"ValueError: Model architectures ['Pixtral9'] are not supported for now. {known_models}"
    assert explained(raw).id == "model-not-supported"


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J\x1b]0;owned\x07", "\x00\x08\x9b", "\u202e", "\x1b[" * 500]
)
def test_nothing_that_does_not_print_comes_out(hostile: str) -> None:
    raw = (
        f"KeyError\nOSError: /models/{hostile}cosmos is not a local folder and is not a valid model"
    )
    trouble = translate(raw, Facts(model=f"m{hostile}", gpu_processes=(f"ada{hostile}",)))
    assert trouble is not None
    assert text_of(trouble).isprintable()


def test_colours_do_not_hide_an_error() -> None:
    assert (
        explained("\x1b[31mtorch.\x1b[1mOutOfMemory\x1b[0mError\x1b[0m").id == "gpu-memory-running"
    )


def test_placeholders_in_a_log_stay_words() -> None:
    trouble = explained("The model `{limit}[{x}|y]` does not exist.")
    assert "{limit}[{x}|y]" in trouble.what


def test_a_long_name_is_cut() -> None:
    trouble = explained("OSError", Facts(exit_code=-9, gpu_processes=("x" * 10_000,)))
    assert len(text_of(trouble)) < 1500
    assert "x" * LONGEST_VALUE not in text_of(
        explained("CUDA out of memory", Facts(gpu_processes=("x" * 999,)))
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_a_text_made_of_half_matches_ends(entry: KnownTrouble) -> None:
    for example in entry.examples:
        for part in (example[: len(example) // 2], example[:12], example[-12:]):
            made = part * (LAST_CHARACTERS // len(part))
            entry.found_in(made, made)
            weigh(made)


@pytest.mark.parametrize("part", ["(", "0", "a ", "/", "\n", "'", ".", ": ", "\x1b[", "é"])
def test_a_megabyte_of_one_character_ends(part: str) -> None:
    assert translate(part * (1_000_000 // len(part))) is None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_patterns_cannot_backtrack_without_end(entry: KnownTrouble) -> None:
    parser = importlib.import_module("re._parser")
    for pattern in (*entry.patterns, *entry.beside):
        assert _ways(parser.parse(pattern.pattern)) <= 50_000, pattern.pattern


def _ways(parsed: Iterable[Any]) -> int:
    """In how many ways, at most, a pattern's repetitions can be tried from one place; all are bounded."""
    ways = 1
    for operation, argument in parsed:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            least, most, inner = argument
            assert most <= 200, "a repetition without a bound, or with a large one"
            assert most == 1 or _ways(inner) == 1, "a repetition in a repetition"
            tried = 1 if name == "POSSESSIVE_REPEAT" else most - least + 1
            ways *= tried * _ways(inner)
        elif name == "SUBPATTERN":
            ways *= _ways(argument[3])
        elif name == "BRANCH":
            ways *= sum(_ways(branch) for branch in argument[1])
    return ways


# --- the page ---------------------------------------------------------------------------------------


def test_the_page_in_docs_is_the_one_that_would_be_printed_now() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "backend.troubles"], cwd=ROOT, capture_output=True, check=True
    )
    assert printed.stdout.decode() == troubleshooting_page()
    assert (ROOT / "docs" / "troubleshooting.md").read_text("utf-8") == troubleshooting_page(), (
        "run: python -m backend.troubles > docs/troubleshooting.md"
    )


def test_the_page_has_every_trouble_once() -> None:
    page = troubleshooting_page()
    for entry in ENTRIES:
        assert page.count(f'<a id="{entry.id}"></a>') == 1
        assert page.count(f"(#{entry.id})") == 1
