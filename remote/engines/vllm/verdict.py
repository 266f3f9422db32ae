"""Reads from the log of a vLLM that did not start why that is, and whether another start can succeed.

What is known never to pass by itself (a model that is not there, an option that this vLLM does not have) is a
verdict. Everything else may: another process frees the GPU, the hub can be reached again.

The box decides this by itself, because its jobs wait or go on while no app is there. The app explains the one
line that is found here, and says what to do (`backend/troubles`); it has patterns of its own, because its
sentences are data for humans, it also explains servers that no runner started, and older boxes send it the
end of a log. `backend/troubles/evidence.py` reads a log by the same rules, and what changes here may change
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LONGEST_CAUSE = 400
"""Characters."""
_PREFIX = re.compile(r"(?:\([^()]{1,40} pid=\d{1,10}\) ?){0,3}(?:\[rank\d{1,4}\]: ?)?")
"""Which process a line is from, or several."""
_LEVEL = re.compile(
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)(?:[: ] {0,8}|$)(?:\d\d-\d\d \d\d:\d\d:\d\d )?"
    r"(?:\[?[^\[\]\s]{1,80}:\d{1,6}\] )?"
)
"""A level at the beginning of a line, and when and where it was logged."""
_QUIET_LEVELS = ("DEBUG", "INFO", "WARNING")
_QUIET = re.compile(
    r"\[?[IW]\d{4} \d\d:\d\d:\d\d|.{0,400}\b(?:[A-Z]\w{0,40}Warning: |thrown while requesting )|"
    r".{0,200}\b\d{1,3}% ?(?:\||Completed)|"
    r"(?:Run|See) '(?:docker|podman) |Emulate Docker CLI |Trying to pull "
)
"""Lines without a level that are no cause: servers that start well write them, too (warnings that look like
errors, bars), and Docker's hints follow any error."""
_FRAME = re.compile(r'  File "[^"]{1,300}", line \d{1,9}')
_SOURCE = re.compile(r" {4}")
"""A line of source code in a traceback, or the marks below it. It follows a frame."""
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)\b(?::|$)")
"""The last line of a traceback."""
_ERROR = re.compile(r"\b(?:Error|Exception)\b|\berror:", re.IGNORECASE)
_CHECKED = re.compile(r".{0,80}ValidationError: \d{1,4} validation errors? for ")
"""An exception of pydantic, which says in the lines below it what is wrong."""
_CHECKED_ENDS = re.compile(r" {4}For further information visit ")
_CHECKED_TYPE = re.compile(r" \[type=\w{1,60}, .*")
_NO_JSON = re.compile(r"JSONDecodeError: ")
_ECHO = re.compile(
    r"Engine core initialization failed|Engine process failed to start|EngineDeadError|root cause|"
    r"initialization failed due to an exception in a background process|died unexpectedly|"
    r"(?:EngineCore|WorkerProc) failed to start|Connection (?:closed|reset) by peer|Broken pipe",
    re.IGNORECASE,
)
"""Lines that only say that something else went wrong."""
_PROCESS_ENDED = re.compile(r"(?:WorkerProc|Engine core) initialization failed")
"""What one process says of another that has ended. The other one has said why, if it could."""
_FOR_GOOD = re.compile(
    "|".join(
        (
            # the model
            r"is not a valid model identifier",
            r"Repo id must ",
            r"Invalid repository ID or local directory",
            r"does not appear to have a file named config\.json",
            r"(?:Could not detect|No supported) config format",
            r"Failed to load mistral 'params\.json' config",
            r"RepositoryNotFoundError",
            r"gated repo",
            r"No tokenizer file found|Make sure that a Mistral tokenizer is present",
            r"Model architectures? .{1,300} (?:is|are) not supported",
            r"Transformers does not recognize this architecture",
            r"(?:Unknown quantization method|Found unknown quantization)\b",
            r"is greater than the derived max_model_len",
            r"chat template is no longer allowed|tokenizer\.chat_template is not set",
            r"chat template string \(.{1,300}\) appears path-like, but doesn't exist",
            r"PermissionError: \[Errno 13\]",
            # vLLM and its command
            r"error: unrecognized arguments|error: argument --|got an unexpected keyword argument",
            r"\blimit_per_prompt\b",
            r"No module named '?\w|No package metadata was found for vllm",
            r"\b(?:vllm|docker|podman|python[\d.]{0,5}|conda|apptainer): (?:command )?not found",
            r"command not found: (?:vllm|docker|podman|python[\d.]{0,5}|conda|apptainer)",
            r"executable file not found in \$PATH",
            r'exec: "[^"\n]{1,200}": stat [^\n]{1,200}: no such file',
            r"is already used by a Transformers config",
            r"operator torchvision::nms does not exist",
            r"undefined symbol|GLIBC_[\d.]{1,9}' not found",
            # Docker and podman
            r"pull access denied|manifest for \S{1,200} not found",
            r"did not resolve to an alias|image not known|repository name \S{0,200} ?must be lowercase",
            r"reading manifest [^\n]{1,300}: (?:manifest unknown|name unknown|denied|unauthorized)",
            r"requested access to the resource is denied",
            r"permission denied while trying to connect to the docker",
            r"docker\.sock: connect: permission denied",
            r"unable to connect to Podman socket: [^\n]{1,300}: permission denied",
            r"unknown (?:shorthand )?flag: |unable to resolve docker endpoint",
            r"unable to find (?:user|network) ",
            r"could not select device driver|unknown or invalid runtime name|unresolvable CDI devices|"
            r"OCI runtime \S{1,80} not found",
            # the GPU and its driver
            r"no kernel image is available for execution",
            r"Bfloat16 is only supported on GPUs",
            r"must be divisible by tensor parallel size",
            r"is larger than the number of available GPUs",
            r"driver (?:version is insufficient|on your system is too old)",
        )
    ),
    re.IGNORECASE,
)
_MAY_PASS = re.compile(
    r"couldn't connect to|LocalEntryNotFound|Max retries exceeded|timed out|out of memory|No space left",
    re.IGNORECASE,
)
"""Causes beside which a line of `_FOR_GOOD` is only what follows from them."""


@dataclass(frozen=True)
class _Statement:
    """What one line of a log says that may name a cause: no warning, and no source code of a traceback."""

    text: str
    is_exception: bool
    """Whether a traceback ends with it."""

    @property
    def is_echo(self) -> bool:
        return _ECHO.search(self.text) is not None

    @property
    def is_error(self) -> bool:
        return self.is_exception or _ERROR.search(self.text) is not None


def cause_of(lines: Sequence[str]) -> str:
    """Return the line that says best why the server ended; empty when no line does.

    What is for good comes first, then the last exception that is no echo, then the last such error.
    """
    said = list(_statements(lines))
    errors = [each for each in said if each.is_error]
    causes = [each for each in errors if not each.is_echo]
    if not causes and any(_PROCESS_ENDED.search(each.text) for each in errors):
        return "a process of vLLM ended without a word, as one does that is killed"
    for ranked in (
        [each for each in said if _FOR_GOOD.search(each.text)],
        [each for each in causes if each.is_exception],
        causes,
        errors,
    ):
        if ranked:
            return _fullest(ranked[-1].text, said)[:_LONGEST_CAUSE]
    # A shell's last words name no error: "Segmentation fault (core dumped)".
    return said[-1].text[:_LONGEST_CAUSE] if said else ""


def is_for_good(lines: Sequence[str]) -> bool:
    """Return whether no later start can succeed unless somebody changes the box or its settings."""
    text = "\n".join(each.text for each in _statements(lines))
    return _FOR_GOOD.search(text) is not None and _MAY_PASS.search(text) is None


def _fullest(cause: str, said: Sequence[_Statement]) -> str:
    """Return the longest line that ends with the cause: "Error parsing config for /m: Expecting value"."""
    return max((each.text for each in said if each.text.endswith(cause)), key=len)


def _statements(lines: Sequence[str]) -> Iterator[_Statement]:
    """Yield what may name a cause, in the order of the lines."""
    frames: list[str] = []
    """The frames of the present traceback."""
    below_frame = below_warning = False
    checked: list[str] | None = None
    """The lines so far below an exception of pydantic; None elsewhere."""
    for line in lines:
        text = line[_end(_PREFIX, line) :]
        level = _LEVEL.match(text)
        said = (text[level.end() :] if level else text).rstrip()
        if (level and level["level"] in _QUIET_LEVELS) or not said.strip():
            continue
        is_frame, is_source = bool(_FRAME.match(said)), below_frame and bool(_SOURCE.match(said))
        below_frame = is_frame or is_source
        if is_frame:
            frames.append(said)
        if is_frame or is_source:
            continue
        is_quiet, is_below_warning = bool(_QUIET.match(text)), below_warning and said[0] == " "
        below_warning = is_quiet
        if is_quiet or is_below_warning:
            continue
        if checked is not None and not _CHECKED_ENDS.match(said):
            checked.append(said)
        elif checked is not None:
            yield _Statement(_join_checked(checked), is_exception=True)
            checked = None
        elif _CHECKED.match(said):
            checked = []
        else:
            is_exception = bool(_EXCEPTION.match(said))
            place = _place_of(frames) if is_exception and _NO_JSON.search(said) else ""
            yield _Statement(said.strip() + place, is_exception)
            frames = [] if is_exception else frames


def _join_checked(lines: Sequence[str]) -> str:
    """Join what pydantic says of the first thing that is wrong: "limit_per_prompt.count: Input should …"."""
    named = next((at for at, line in enumerate(lines) if line.startswith("  ")), 0)
    told = _CHECKED_TYPE.sub("", lines[named] if lines else "").strip()
    field = "".join(lines[:named])
    told = told.removeprefix("Value error, ")
    return f"{field}: {told}" if field else told


def _place_of(frames: Sequence[str]) -> str:
    """Say that a tokenizer was read, where the innermost frames of a traceback show it."""
    return " (in the model's tokenizer)" if "tokenizer" in " ".join(frames[-8:]) else ""


def _end(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.match(line)
    return match.end() if match else 0
