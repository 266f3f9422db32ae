"""A real Chromium, driven by puppeteer, and the judges of a page: axe and html-validate.

`.ci/install-browser` installs all but Chromium, which comes with the system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from remote.protocol import Json
from tests.support.environments import Environment

_TOOLS = Environment(
    "puppeteer, axe and html-validate",
    "browser",
    ".ci/install-browser",
    os.environ.get("UPSAMPLE_BROWSER_ENV"),
)
_SCRIPT = Path(__file__).parent / "browser" / "visit.cjs"
_RULES: Json = ["html-validate:standard", "html-validate:document", "html-validate:a11y"]
_SECONDS = 100.0


@dataclass(frozen=True)
class Chromium:
    """Opens pages. Use `chromium`."""

    program: str
    validator: Path
    folder: Path
    """For files of the validator."""

    def visit(self, page: Path, *, use: bool = True) -> dict[str, Json]:
        """Return what happens when the page is opened and used, as `visit.cjs` tells it.

        Without `use`, it is only opened.
        """
        modules = str(self.validator.parent.parent)
        # Chromium makes a socket there, whose path must be short.
        with tempfile.TemporaryDirectory(prefix="page-") as own:
            command = [
                "node",
                str(_SCRIPT),
                modules,
                self.program,
                str(page),
                f"{own}/profile",
                "use" if use else "open",
            ]
            ran = self._run(command, TMPDIR=own, HOME=own)
        assert ran.returncode == 0, ran.stderr
        return cast("dict[str, Json]", json.loads(ran.stdout))

    def validate(self, page: Path) -> list[str]:
        """Return what is wrong with the page's HTML."""
        rules = self.folder / ".htmlvalidate.json"
        rules.write_text(json.dumps({"root": True, "extends": _RULES}))
        words = ["--config", str(rules), "--formatter", "json", str(page)]
        ran = self._run(["node", str(self.validator.resolve()), *words])
        assert ran.stdout, ran.stderr
        return [
            f"line {message['line']}: {message['message']}"
            for file in json.loads(ran.stdout)
            for message in file["messages"]
        ]

    def _run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ) | variables
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS
        )


def chromium(folder: Path) -> Chromium:
    """Return the Chromium of this machine. Without it the test is passed over, but not in CI."""
    validator = _TOOLS.program("html-validate")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if program := shutil.which(name):
            return Chromium(program, validator, folder)
    if os.environ.get("CI"):
        pytest.fail("the CI machine must have chromium")
    pytest.skip("there is no chromium here")
