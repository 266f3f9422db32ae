"""Every verb of `upsample`: to add one, add its file here and a line below.

Each verb, or group of verbs, is declared in a file of its own; what it does is in `backend.commands`. Imports
of what they call stand inside the functions, so that `--help` does not wait for them.
"""

from __future__ import annotations

from cyclopts import App, Parameter

from backend import __version__
from backend.cli import box, config, queue, results
from backend.cli.completion import add_completion
from backend.cli.demo import demo
from backend.cli.deploy import deploy
from backend.cli.doctor import DOCTOR_HELP, doctor
from backend.cli.estimate import estimate
from backend.cli.fit import fit
from backend.cli.hint import hint
from backend.cli.limits import limits
from backend.cli.upsample import upsample

# One line a paragraph: it is wrapped where it is shown.
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
for verb in (estimate, fit, hint, limits, deploy, demo):
    app.command(verb)
add_completion(app)
for group in (config, queue, box, results):
    app.command(group.app)
