"""Writes the tables of the report as files: limits.csv, limits.json and limits.md."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from backend.errors import ResultError
from backend.files import write_whole
from backend.limits.markdown_tables import report_page
from backend.limits.report import LimitsReport, report_json


def write_report(report: LimitsReport, folder: Path) -> list[Path]:
    """Write the files, replacing earlier ones, and return their paths. Raises ResultError. Blocks."""
    texts = {
        "limits.csv": _csv(report),
        "limits.json": json.dumps(report_json(report), indent=1) + "\n",
        "limits.md": report_page(report),
    }
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            files.append(folder / name)
            write_whole(files[-1], text.encode())
    except OSError as error:
        raise ResultError(
            f"{folder} cannot be written: {error.strerror}", "Choose another --output-dir."
        ) from error
    return files


def _csv(report: LimitsReport) -> str:
    measured = report.measurement
    told = {(row.size, row.frames): row.reply for row in measured.rows} if measured else {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["name", "width", "height", "frames", "vision_tokens", "prompt_tokens", "linear_tokens"]
        + [f"verdict_{context}" for context in report.contexts]
        + ["measured_tokens", "measured_outcome"]
    )
    for row in report.rows:
        reply = told.get((row.size, row.frames))
        writer.writerow(
            [row.name, row.size.width, row.size.height, row.frames, row.exact]
            + [row.budgets[0].prompt_tokens, row.linear]
            + [budget.verdict.value for budget in row.budgets]
            + [reply.prompt_tokens if reply else None, reply.outcome.value if reply else None]
        )
    return text.getvalue()
