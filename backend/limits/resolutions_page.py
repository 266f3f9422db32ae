"""Writes docs/resolutions.md: what sizes cost and which fit, by today's count and as measured earlier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from backend.config import check_layers
from backend.limits.estimates import LimitsLab
from backend.limits.markdown_tables import (
    count_text,
    frames_table,
    frames_text,
    largest_table,
    markdown_table,
    memory_table,
    size_table,
)
from backend.limits.report import LimitsReport, make_report
from backend.limits.sampled_sizes import CONTEXT_LENGTHS, FRAME_COUNTS, PROMPT, all_sizes
from backend.planning.plan import Planner
from backend.tokens import TextCounter

_OPENING = """\
# Resolutions

<!-- Printed by `python -m backend.limits docs/measured/FILE`. Change the code, not this page. -->

What frames cost and what fits, for Pixtral-12B as Cosmos-Transfer1's upsampler. `upsample limits` prints
the same for your profile, prompt and frames; `upsample limits --measure --box NAME` asks your box.

The prompt is NVIDIA's own example, {text} tokens long:

    {prompt}

A request takes {overhead} + text + vision tokens, and {reserve} are kept for the answer. `rule of thumb` is
`int(width × height × frames × 0.0173)`, vision tokens alone. Under each context length: ✓ fits, ~ fits and
takes nine tenths or more, ✗ does not fit, and how many tokens are left, or too many.

![Prompt tokens over pixels: counted, by the rule of thumb, measured, and the limits](limits.svg)
"""

_LARGEST = """\
Of a video of Full HD or its like (1920×1080, 1440×1080, 1080×1080 and upright), with even sides. `(all)` is
the whole video: Pixtral brings larger pictures to 1024 pixels on the longest side, so they cost no more.
"""

_MEMORY = """\
The KV cache takes {bytes} bytes a token: 2 × layers × KV heads × head size × bytes of a value, from
{source}.
vLLM does not start without room for one request that fills the context. It does start with less than for
all {requests} (`max_num_seqs`), and then works on fewer at once. The weights come on top: 23.6 GB, as users
measured. The formula was checked against vLLM 0.32: the model of the measurement below takes 256 bytes a
token by it, and vLLM made 819,200 tokens of the 200 MiB that it was given.

Raise the context of a box with `upsample config set boxes.NAME.max_tokens 8192`.
"""

_MEASURED = """\
On real vLLM, its CPU build, serving **a Pixtral of random weights**: real tokenizer, real image rules, real
server; its words are noise. No GPU and no real weights were used. Each size was sent as a real request for
one token, in frames drawn from a test video; how long a refused prompt is was read from vLLM's own words.
The largest size of each aspect ratio was confirmed by an accepted request at that size, and a refused one
just above it where there is one.
"""

_ROOM = """\
A prompt that leaves less than {reserve} tokens for the answer was {room}.
"""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    size: str | None
    frames: int
    counted: int
    measured: int | None
    difference: int | None
    outcome: str
    agrees: bool


class _Largest(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    aspect: str
    accepted: str | None
    accepted_tokens: int | None
    refused: str | None
    sent: str | None
    sent_tokens: int | None
    confirmed: bool


class _Record(BaseModel):
    """A measurement, in the form of limits.json."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    engine: str
    max_model_len: int
    reserve: int
    largest_error: int | None
    keeps_room_for_the_answer: bool | None
    rows: tuple[_Row, ...]
    largest: tuple[_Largest, ...]


def resolutions_page(recorded: Path) -> str:
    """Return the page as Markdown. `recorded` is a JSON list of measurements in the form of limits.json."""
    records = TypeAdapter(list[_Record]).validate_json(recorded.read_text("utf-8"))
    upsampling = check_layers([]).upsampling
    lab = LimitsLab(Planner(upsampling, TextCounter()), PROMPT, CONTEXT_LENGTHS)
    requests = check_layers([]).box_defaults.vllm.max_num_seqs
    report = make_report(lab, all_sizes(), FRAME_COUNTS, requests)
    return "\n".join([*_write_estimates(report), *_write_measurements(records)])


def _write_estimates(report: LimitsReport) -> list[str]:
    opening = _OPENING.format(
        text=report.text, prompt=report.prompt, reserve=report.reserve, overhead=report.overhead
    )
    # Two frames are what Transfer1 sends, so they come first.
    parts = [opening]
    for frames in sorted(report.frame_counts, key=lambda count: (count != 2, count)):
        parts += [f"## {frames_text(frames).capitalize()}\n", size_table(report, frames), ""]
    parts += ["## The largest size that fits\n", _LARGEST]
    for frames in report.frame_counts:
        parts += [f"With {frames_text(frames)}:\n", largest_table(report, frames), ""]
    parts += ["## How many frames fit\n", frames_table(report), ""]
    memory = _MEMORY.format(
        bytes=f"{report.bytes_per_token:,}",
        source=report.memory_source,
        requests=report.max_num_seqs,
    )
    return [*parts, "## What a context length costs on the GPU\n", memory_table(report), "", memory]


def _write_measurements(records: Sequence[_Record]) -> list[str]:
    parts = ["## Measured\n", _MEASURED]
    for record in records:
        agreeing = sum(row.agrees for row in record.rows)
        confirmed = sum(each.confirmed for each in record.largest)
        parts += [
            f"### {record.engine}, max_model_len {record.max_model_len:,}\n",
            f"{agreeing} of {len(record.rows)} rows as counted, largest difference "
            f"{record.largest_error} tokens; {confirmed} of {len(record.largest)} largest sizes confirmed.\n",
        ]
        if record.keeps_room_for_the_answer is not None:
            refuses = record.keeps_room_for_the_answer
            room = "refused" if refuses else "taken, and the answer cut off at the context's end"
            parts.append(_ROOM.format(reserve=record.reserve, room=room))
        parts += [_largest_table(record), "", _rows_table(record), ""]
    return parts


def _largest_table(record: _Record) -> str:
    return markdown_table(
        [
            "aspect",
            "largest accepted",
            "tokens",
            "refused",
            f"largest with {record.reserve} left",
            "tokens",
        ],
        (
            [
                each.aspect,
                _size(each.accepted),
                count_text(each.accepted_tokens),
                _size(each.refused) or "nothing is larger",
                _size(each.sent),
                count_text(each.sent_tokens),
            ]
            for each in record.largest
        ),
        right=(2, 5),
    )


def _rows_table(record: _Record) -> str:
    return markdown_table(
        ["size", "", "frames", "counted", "measured", "difference", "vLLM"],
        (
            [
                _size(row.size) or "the prompt alone",
                row.name,
                f"{row.frames}",
                f"{row.counted:,}",
                count_text(row.measured),
                "" if row.difference is None else f"{row.difference:,}",
                row.outcome,
            ]
            for row in record.rows
        ),
        right=(2, 3, 4, 5),
    )


def _size(text: str | None) -> str:
    return (text or "").replace("x", "×")
