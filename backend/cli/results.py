"""`upsample results …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from backend.cli.parameters import JobNumber
from backend.errors import InputError
from backend.exit_codes import ExitCode

app = App(
    name="results",
    help=(
        "List the results of the queue, and accept or reject them.\n\n"
        "With --html, --csv or --parquet, write a file about them: a page that needs no network, for people "
        "who were not there, or a table with a row for each result. With a FOLDER, about the results in its "
        "files.\n\n"
        "With --verify, look at the files of a folder instead: whether each result is there, can be read, "
        "says how it was made, and was not cut off. Exits with 1 when something is wrong."
    ),
)


@app.default
def results(
    folder: Annotated[
        Path | None,
        Parameter(
            help="The results in the files below it; with --verify alone the default is outputs."
        ),
    ] = None,
    /,
    *,
    verify: Annotated[bool, Parameter(help="Check the files of a folder of results.")] = False,
    undecided: Annotated[bool, Parameter(help="Only those that wait for a decision.")] = False,
    html: Annotated[Path | None, Parameter(help="Write a page with pictures to this file.")] = None,
    csv: Annotated[Path | None, Parameter(help="Write a table to this file, as CSV.")] = None,
    parquet: Annotated[
        Path | None, Parameter(help="Write a table to this file, as Parquet.")
    ] = None,
    force: Annotated[bool, Parameter(help="Replace files that are there already.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line, texts included.")] = False,
) -> ExitCode:
    if html or csv or parquet:
        from backend.commands.results.report import ReportFiles, write_reports

        wanted = ReportFiles(html, csv, parquet)
        if verify:
            raise InputError("--verify writes no file", "Give --verify a line of its own.")
        return write_reports(folder, wanted, undecided=undecided, force=force, as_json=json)
    if verify:
        from backend.commands.results.verify import verify_folder

        return verify_folder(folder, as_json=json)
    if folder is not None and str(folder).isdecimal() and not folder.exists():
        raise InputError(
            f"{folder} is the number of a job, and nothing says what to do with its result",
            f"`upsample results show {folder}` shows it; `results accept` and `reject` decide.",
        )
    if folder is not None and not folder.exists():
        raise InputError(
            f"{folder} is no verb of `upsample results`, and no folder",
            "`upsample results --help` lists the verbs.",
        )
    if folder is not None:
        raise InputError(
            f"{folder} is a place, and nothing says what to do with it",
            "Add --verify, or --html FILE.",
        )
    from backend.commands.results.list_results import list_results

    return list_results(undecided=undecided, as_json=json)


@app.command
def show(
    *jobs: JobNumber,
    json: Annotated[bool, Parameter(help="One JSON object a line, the texts as they are.")] = False,
) -> ExitCode:
    """Print results beside their prompts; a prompt that is a JSON object in lines."""
    from backend.commands.results.list_results import show_results

    return show_results(jobs, as_json=json)


@app.command
def diff(
    job: JobNumber,
    other: Annotated[
        int | None,
        Parameter(
            name="OTHER", help="A second job; without one, the prompt is compared with its result."
        ),
    ] = None,
    /,
    *,
    json: Annotated[bool, Parameter(help="One JSON object for each difference.")] = False,
) -> ExitCode:
    """Compare two results, or a prompt with its result; JSON objects key by key.

    Lines with "-" are of the first of the two, lines with "+" of the second.
    """
    from backend.commands.results.diff import diff_results

    return diff_results(job, other, as_json=json)


@app.command
def accept(
    *jobs: JobNumber,
    clean: Annotated[bool, Parameter(help="All that are undecided and have no lint.")] = False,
    best: Annotated[bool, Parameter(help="Of each prompt, the result that is rated best.")] = False,
    force: Annotated[bool, Parameter(help="Replace files that are there already.")] = False,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Accept results, and write their files."""
    from backend.commands.results.decide import accept_results

    return accept_results(jobs, clean=clean, best=best, force=force, as_json=json)


@app.command
def rate(
    *jobs: JobNumber,
    stars: Annotated[
        int | None, Parameter(help="1 to 5; 0 takes the rating back.", show_default=False)
    ] = None,
    note: Annotated[
        str | None, Parameter(help='Words about it; "" takes them back.', show_default=False)
    ] = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Rate results, or note something about them. Both are kept in the provenance of their files."""
    from backend.commands.results.rate import rate_results

    return rate_results(jobs, stars, note, as_json=json)


@app.command
def reject(
    *jobs: JobNumber,
    json: Annotated[bool, Parameter(help="One JSON object a line.")] = False,
) -> ExitCode:
    """Reject results; files that hold them are as they were before."""
    from backend.commands.results.decide import reject_results

    return reject_results(jobs, as_json=json)


@app.command
def export(
    file: Annotated[
        Path,
        Parameter(name="FILE", help="Usually batch_results.json; a folder with --prompt-files."),
    ],
    /,
    *,
    below: Annotated[
        Path | None, Parameter(help="Only results that are written below this folder.")
    ] = None,
    prompt_files: Annotated[
        bool, Parameter(help="A prompt_<n>.json for each prompt, as cosmos-framework writes them.")
    ] = False,
    force: Annotated[bool, Parameter(help="Replace files that are there already.")] = False,
) -> ExitCode:
    """Write prompts that are done or failed as one list, which the Houdini pipeline reads.

    With --prompt-files, write those that are done into a folder, a file each.
    """
    if prompt_files:
        from backend.commands.results.export_prompt_files import export_prompt_files

        return export_prompt_files(file, below, force=force)
    from backend.commands.results.export import export_results

    return export_results(file, below, force=force)


@app.command
def undo() -> ExitCode:
    """Take back what was decided last."""
    from backend.commands.results.decide import undo_decisions

    return undo_decisions()
