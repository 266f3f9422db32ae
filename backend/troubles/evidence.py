"""Tells which lines of a log may name a cause.

A server that starts well logs warnings that read like errors: vLLM warns that a low `ulimit` "can cause fd
limit errors like `OSError: [Errno 24] Too many open files`". So what a logger calls a warning or less is no
evidence, and a warning of Python's counts only where no exception is in the log.

The box reads the log of its own vLLM by the same rules (`remote/engines/vllm/verdict.py`), because it decides
while no app is there whether to try again, and sends the one line that names the cause. These rules are
needed here all the same: the runner is not imported, a job that has failed comes with the end of a log, so
does every error of an older runner, and a text may be from a server that no runner has started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIX = re.compile(r"(?:\([^()\n]{1,60}\) ?){0,3}(?:\[rank\d{1,4}\]: ?)?")
"""The process that a line is from: "(EngineCore_0 pid=4711) ", or several."""
_LEVEL = re.compile(
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)(?:[: ] {0,8}|$)(?:\d\d-\d\d \d\d:\d\d:\d\d )?"
    r"(?:\[?[^\[\]\s]{1,80}:\d{1,6}\] )?"
)
"""A level at the beginning of a line, as vLLM, uvicorn and Python's `logging` write it."""
_GLOG = re.compile(r"\[?[IW]\d{4} \d\d:\d\d:\d\d")
_QUIET = frozenset({"DEBUG", "INFO", "WARNING"})
_FRAME = re.compile(r'  File "[^"\n]{1,300}", line \d{1,9}')
_SOURCE = re.compile(r" {4}")
"""A line of source code in a traceback, or the marks below it. It follows a frame."""
_PYTHON_WARNING = re.compile(
    r"\b[A-Z]\w{0,40}Warning: |\bthrown while requesting \w{3,7} http|^WARNING: "
)
"""A warning of Python's `warnings` or of Docker's, or huggingface_hub's word of a request that it repeats."""
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)\b(?::|$)")


@dataclass(frozen=True)
class Evidence:
    """The lines of a log that may name a cause."""

    firm: str
    """Errors, exceptions, and what programs say without a level."""
    warnings: str
    """Warnings, which may name the cause where nothing else does."""
    exceptions: tuple[str, ...]
    """The last lines of all tracebacks, in their order."""


def weigh(log: str) -> Evidence:
    """Sort the lines of a log by what they prove."""
    firm: list[str] = []
    warnings: list[str] = []
    exceptions: list[str] = []
    in_frame = False
    for line in log.split("\n"):
        text = line[_end(_PREFIX, line) :]
        level = _LEVEL.match(text)
        said = text[level.end() :] if level else text
        was_in_frame, in_frame = in_frame, bool(_FRAME.match(said))
        if (level and level["level"] in _QUIET) or _GLOG.match(text):
            continue
        if was_in_frame and _SOURCE.match(said):
            in_frame = True
            continue
        if _PYTHON_WARNING.search(text):
            warnings.append(line)
            continue
        firm.append(line)
        if _EXCEPTION.match(said):
            exceptions.append(line)
    return Evidence("\n".join(firm), "\n".join(warnings), tuple(exceptions))


def _end(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.match(line)
    return match.end() if match else 0
