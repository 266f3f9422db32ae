"""The `upsample` command: parse, then call one function. What the functions do is in `backend.commands`.

Imports of theirs stand inside the functions, so that `--help` does not wait for them.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter

from backend import __version__
from backend.errors import UpsampleError
from backend.exit_codes import ExitCode, exit_code_of

# One line a paragraph: it is wrapped where it is shown.
_HELP = (
    "Make short prompts for video world models long and concrete, on a GPU box.\n\n"
    "Opens the terminal app on the given files and folders. With --no-ui their prompts are upsampled "
    "at once, and without PATHS the queue goes on where it was left."
)

_DOCTOR_HELP = (
    "Look for what keeps a box from upsampling, and say how to mend it.\n\n"
    "Looks at this machine, the way to the box, the box itself, its GPUs, vLLM, and the model's files.\n\n"
    "Exits with 0 when all is fine, 1 when something failed, 2 when the config cannot be used, and 3 when "
    "the box could not be reached or trusted."
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
config = App(name="config", help="Show and change settings.")
queue = App(name="queue", help="Look at the queue of jobs, and change what is in it.")
results_ = App(name="results", help="List the results of the queue, and accept or reject them.")
box_ = App(name="box", help="Look at the daemon on a box, or end it.")
app.command(config)
app.command(queue)
app.command(box_)
app.command(results_)

_SENDING = Group("What is sent", sort_key=1)
_WHERE = Group("Where it goes", sort_key=2)
_SHOWING = Group("What is shown", sort_key=3)

Resize = Literal["auto", "safe", "off"]
Format = Literal["table", "json", "csv"]
Media = Literal["rgb", "control", "both"]


@app.default
def upsample(
    *paths: Annotated[Path, Parameter(help="Specs, and folders to look for specs in.")],
    no_ui: Annotated[
        bool, Parameter(help="Upsample at once, without the app.", group=_SHOWING)
    ] = False,
    filter: Annotated[  # noqa: A002
        str | None,
        Parameter(
            help="Take only what matches, as in the app: words, fits:no, state:failed, -without.",
            group=_SENDING,
        ),
    ] = None,
    save_dir: Annotated[
        Path, Parameter(help="Folder for the results.", group=_WHERE, show_default=True)
    ] = Path("outputs"),
    box: Annotated[
        str | None, Parameter(help="Box to use, one of `config show`.", group=_WHERE)
    ] = None,
    num_frames: Annotated[
        int | None, Parameter(help="Frames the model looks at.", group=_SENDING)
    ] = None,
    max_resolution: Annotated[
        str | None,
        Parameter(help="Most to send: 854x480, or 480 for the shorter side.", group=_SENDING),
    ] = None,
    resize: Annotated[
        Resize | None,
        Parameter(
            help="auto: the largest size that fits. safe: safe_resolution. off: the video's own.",
            group=_SENDING,
            metavar="auto|safe|off",
            show_choices=False,
        ),
    ] = None,
    media: Annotated[
        Media | None,
        Parameter(
            help="What the model looks at: the RGB video, the control's, or both.",
            group=_SENDING,
            metavar="rgb|control|both",
            show_choices=False,
        ),
    ] = None,
    preprocess_videos: Annotated[
        bool, Parameter(help="The older spelling of --resize auto.", group=_SENDING)
    ] = False,
    ignore_budget: Annotated[
        bool,
        Parameter(help="Send what by our count does not fit, too.", group=_SENDING),
    ] = False,
    num_gpu: Annotated[
        int | None, Parameter(help="GPUs that share the model on the box.", group=_SENDING)
    ] = None,
    candidates: Annotated[
        int,
        Parameter(help="Answers to draw for each prompt.", group=_SENDING, show_default=True),
    ] = 1,
    seed: Annotated[
        int,
        Parameter(
            help="Of the first candidate; the next ones count up.",
            group=_SENDING,
            show_default=True,
        ),
    ] = 0,
    force: Annotated[
        bool, Parameter(help="Replace files that are there already.", group=_WHERE)
    ] = False,
    review: Annotated[
        bool,
        Parameter(help="Write each result only when it is accepted in a review.", group=_WHERE),
    ] = False,
    accept_host_key: Annotated[
        str | None,
        Parameter(help="Fingerprint (SHA256:…) of a new box's host key.", group=_WHERE),
    ] = None,
    dry_run: Annotated[
        bool, Parameter(help="Show what would be sent, and stop.", group=_SHOWING)
    ] = False,
    json: Annotated[
        bool, Parameter(help="Events on stdout, one JSON object a line.", group=_SHOWING)
    ] = False,
) -> ExitCode:
    from backend.commands.upsample import Options, open_app, upsample_batch

    options = Options(
        paths=paths,
        save_dir=save_dir,
        box=box,
        num_frames=num_frames,
        max_resolution=max_resolution,
        media=media,
        resize="auto" if preprocess_videos and resize is None else resize,
        ignore_budget=ignore_budget,
        num_gpu=num_gpu,
        candidates=candidates,
        seed=seed,
        force=force,
        accept_host_key=accept_host_key or "",
        dry_run=dry_run,
        json=json,
        filter=filter or "",
        review=review,
    )
    return upsample_batch(options) if no_ui or dry_run else open_app(options)


@app.command
def estimate(
    *paths: Annotated[Path, Parameter(help="Specs, folders, videos or images.")],
    resolution: Annotated[
        tuple[str, ...], Parameter(help="Size to weigh (WxH); may be given again.")
    ] = (),
    frames: Annotated[int | None, Parameter(help="Frames the model looks at.")] = None,
    prompt: Annotated[str, Parameter(help="Text that goes with them.")] = "",
    max_model_len: Annotated[
        tuple[int, ...], Parameter(help="Context length; may be given again.")
    ] = (),
    format: Annotated[  # noqa: A002
        Format,
        Parameter(
            help="How to print it.",
            metavar="table|json|csv",
            show_choices=False,
            show_default=True,
        ),
    ] = "table",
) -> ExitCode:
    """Show what prompts and sizes cost in tokens; without any, the 25 Cosmos sizes."""
    from backend.commands.estimate import show_estimates

    return show_estimates(paths, resolution, frames, prompt, max_model_len, format)


@app.command
def fit(
    source: Annotated[str, Parameter(help="A video, an image, or a size (WxH).", name="VIDEO|WxH")],
    /,
    *,
    frames: Annotated[int | None, Parameter(help="Frames the model looks at.")] = None,
    prompt: Annotated[str, Parameter(help="Text that goes with them.")] = "",
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Find the largest size that fits the context."""
    from backend.commands.fit import show_fit

    return show_fit(source, frames, prompt, as_json=json)


@app.command
def hint(
    video: Annotated[Path, Parameter(help="The video.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Where to; default: hint_video_dir.")
    ] = None,
    force: Annotated[bool, Parameter(help="Replace OUTPUT if it is there.")] = False,
) -> ExitCode:
    """Make the 2 fps hint video of a video, at the size that fits."""
    from backend.commands.hint import make_hint

    return make_hint(video, output, force=force)


@config.command
def show(
    *,
    sources: Annotated[
        bool, Parameter(help="With where each value comes from.", negative="")
    ] = False,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Show every setting as it holds here and now."""
    from backend.commands.config import show_settings, show_sources

    return show_sources(as_json=json) if sources else show_settings(as_json=json)


@config.command
def get(key: Annotated[str, Parameter(help="As in upsampling.max_tokens.")], /) -> ExitCode:
    """Print one setting."""
    from backend.commands.config import get_setting

    return get_setting(key)


@config.command(name="set")
def set_(
    key: Annotated[str, Parameter(help="As in boxes.h100.host.")],
    value: Annotated[str, Parameter(help="Its new value.", allow_leading_hyphen=True)],
    /,
) -> ExitCode:
    """Change one setting in your config file; comments stay."""
    from backend.commands.config import set_setting

    return set_setting(key, value)


@config.command
def edit() -> ExitCode:
    """Open your config file in $EDITOR, and check it afterwards."""
    from backend.commands.config import edit_settings

    return edit_settings()


@config.command
def path() -> ExitCode:
    """Print which config files there are, the strongest first."""
    from backend.commands.config import show_paths

    return show_paths()


@config.command
def profiles(*, json: Annotated[bool, Parameter(help="As a JSON array.")] = False) -> ExitCode:
    """List the model profiles, the shipped ones and yours."""
    from backend.commands.config import show_profiles

    return show_profiles(as_json=json)


@queue.command(name="list")
def list_(
    *,
    all: Annotated[bool, Parameter(help="Those that are done, too.")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """List the jobs that are still to be done, or failed."""
    from backend.commands.queue.list_jobs import list_jobs

    return list_jobs(everything=all, as_json=json)


_Fingerprint = Annotated[
    str | None, Parameter(help="Fingerprint (SHA256:…) of a new box's host key.")
]
_Numbers = Annotated[int, Parameter(name="JOB", help="Its number, as `queue list` shows it.")]


@queue.command
def cancel(
    *jobs: _Numbers,
    all: Annotated[bool, Parameter(help="Every job that has not ended.")] = False,  # noqa: A002
    accept_host_key: _Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Cancel jobs, also those that a box is working on."""
    from backend.commands.queue.cancel import cancel_jobs

    return cancel_jobs(jobs, accept_host_key or "", everything=all, as_json=json)


@queue.command
def retry(
    *jobs: _Numbers,
    failed: Annotated[bool, Parameter(help="Every job that failed.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Queue jobs again that failed or were cancelled."""
    from backend.commands.queue.retry import retry_jobs

    return retry_jobs(jobs, failed=failed, as_json=json)


@queue.command
def clear(
    *,
    done: Annotated[bool, Parameter(help="Only those that are done.")] = False,
    failed: Annotated[bool, Parameter(help="Only those that failed or were cancelled.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Forget the jobs that have ended; files stay, and so does what was never written to one."""
    from backend.commands.queue.clear import clear_jobs

    return clear_jobs(done=done, failed=failed, as_json=json)


@results_.default
def results(
    *,
    undecided: Annotated[bool, Parameter(help="Only those that wait for a decision.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line, texts included.")] = False,
) -> ExitCode:
    from backend.commands.results.list_results import list_results

    return list_results(undecided=undecided, as_json=json)


@results_.command
def accept(
    *jobs: _Numbers,
    clean: Annotated[bool, Parameter(help="All that are undecided and have no lint.")] = False,
    force: Annotated[bool, Parameter(help="Replace files that are there already.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Accept results, and write their files."""
    from backend.commands.results.decide import accept_results

    return accept_results(jobs, clean=clean, force=force, as_json=json)


@results_.command
def reject(
    *jobs: _Numbers,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Reject results; files that hold them are as they were before."""
    from backend.commands.results.decide import reject_results

    return reject_results(jobs, as_json=json)


@results_.command
def undo() -> ExitCode:
    """Take back what was decided last."""
    from backend.commands.results.decide import undo_decisions

    return undo_decisions()


_Box = Annotated[str | None, Parameter(help="Which box; default: the setting `box`.")]


@box_.command
def status(
    name: _Box = None,
    /,
    *,
    accept_host_key: _Fingerprint = None,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Show what the daemon on a box says of itself; it is started if none runs."""
    from backend.commands.box import show_status

    return show_status(name, accept_host_key or "", as_json=json)


@box_.command
def logs(
    name: _Box = None,
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Go on with each new line, until Ctrl-C.")
    ] = False,
    accept_host_key: _Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Print the end of the log on a box, the engine's lines in it."""
    from backend.commands.box import show_log

    return show_log(name, accept_host_key or "", follow=follow, as_json=json)


@box_.command
def stop(name: _Box = None, /, *, accept_host_key: _Fingerprint = None) -> ExitCode:
    """End the daemon on a box, and its engine; jobs that it accepted are kept there."""
    from backend.commands.box import stop_daemon

    return stop_daemon(name, accept_host_key or "")


@app.command(help=_DOCTOR_HELP)
def doctor(
    name: _Box = None,
    /,
    *,
    start: Annotated[
        bool,
        Parameter(help="Start the model, too, and have one token generated; takes the GPU."),
    ] = False,
    accept_host_key: _Fingerprint = None,
    json: Annotated[bool, Parameter(help="One JSON object a line, a sum at the end.")] = False,
) -> ExitCode:
    from backend.commands.doctor import run_doctor

    return run_doctor(name, accept_host_key or "", start=start, as_json=json)


@app.command
def deploy(
    name: _Box = None,
    /,
    *,
    accept_host_key: _Fingerprint = None,
    json: Annotated[bool, Parameter(help="As a JSON object.")] = False,
) -> ExitCode:
    """Put the runner on a box, and remove old ones that nothing uses; other commands do so by themselves.

    Nothing is started there.
    """
    from backend.commands.deploy import deploy_runner

    return deploy_runner(name, accept_host_key or "", as_json=json)


@app.command
def demo(
    *,
    draw: Annotated[
        Path | None,
        Parameter(help="Only draw the clips that the specs in examples/ name, into this folder."),
    ] = None,
) -> ExitCode:
    """Upsample three small clips of our own; needs no GPU."""
    from backend.commands.demo import draw_clips_into, run_demo

    return run_demo() if draw is None else draw_clips_into(draw)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that has no ✓ gets an escape for it instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    from backend.console import out

    try:
        result = app(arguments, exit_on_error=False, console=out())
        sys.stdout.flush()  # here, where a broken pipe is dealt with, and not at exit
    except CycloptsError:
        return ExitCode.USAGE  # cyclopts has said what is wrong
    except UpsampleError as error:
        from backend.console import complain

        complain(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return ExitCode.OK
    return result if isinstance(result, ExitCode) else ExitCode.OK


def _let_go_of_output() -> None:
    """Whoever read our output has what they wanted; keeps Python from complaining at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
