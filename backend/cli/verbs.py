"""Registers every verb of `upsample`. To add a verb, add a file to this folder and a line below.

Each file declares one verb or one group of verbs; the code that they run is in `backend.commands`. It is
imported inside the functions, so that `--help` does not wait for it.
"""

from __future__ import annotations

from cyclopts import App, Parameter

from backend import __version__
from backend.cli import box, cache, config, queue, results
from backend.cli.completion import add_completion
from backend.cli.compose import compose
from backend.cli.demo import demo
from backend.cli.deploy import deploy
from backend.cli.doctor import DOCTOR_HELP, doctor
from backend.cli.estimate import estimate
from backend.cli.fit import fit
from backend.cli.hint import hint
from backend.cli.limits import limits
from backend.cli.uninstall import uninstall
from backend.cli.upsample import upsample

# Each paragraph is one line; cyclopts wraps it to the width of the terminal.
_HELP = (
    "Make short prompts for video world models long and concrete, on a GPU box.\n\n"
    "Opens the terminal app on the given files and folders. With --no-ui their prompts are upsampled "
    "at once, and without PATHS the queue goes on where it was left."
)

app = App(
    name="upsample",
    help=_HELP,
    version=__version__,
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_value",
)
app.default(upsample)
app.command(doctor, help=DOCTOR_HELP)
for verb in (compose, estimate, fit, hint, limits, deploy, demo, uninstall):
    app.command(verb)
add_completion(app)
for group in (config, queue, box, results, cache):
    app.command(group.app)
