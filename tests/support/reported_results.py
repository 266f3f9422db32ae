"""Prompts and results for a report, made up without a queue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.results.lints import Lint
from backend.results.report.how_made import read_provenance
from backend.results.report.reported import Reported, ReportedPrompt, ReportedResult
from backend.store.decision import Decision
from backend.video import FrameSampling
from remote.protocol import Json

HOSTILE = (
    '</script><script>window.hacked1 = 1</script><img src=x onerror="window.hacked2 = 1"> "\' <!-- ]]> '
    "{{ 7 * 7 }} {% raw %} &amp; &lt;b&gt; javascript:window.hacked3=1 <style>* { display: none }</style> "
    "<iframe src=https://example.com/></iframe><link rel=stylesheet href=//example.com/a.css> "
    "<svg onload=window.hacked4=1></svg> \x00 \x1b[31m \x07 \x9b \u202ereversed\u202c \u2066 \ud800 \ufffe "
    "👨\u200d👩\u200d👧 שלום\u200f \r\n\tlast"
)
"""What a page must show as it is, and must not do."""


_TEXTS = (
    *("model", "box", "engine", "profile", "media", "size_sent", "finish_reason", "ended", "note"),
    *("negative_prompt", "job", "written_by", "program"),
)
"""The keys of a provenance that hold any text."""


def provenance_of(**changes: Json) -> dict[str, Json]:
    """Return the provenance of a result."""
    provenance: dict[str, Json] = {
        "program": "upsample 0.1.0",
        "written_by": "/models/Upsampler-12B with vllm 0.32.0",
        "engine": "vllm 0.32.0",
        "profile": "transfer1",
        "model": "/models/Upsampler-12B",
        "box": "h200",
        "media": "rgb",
        "frames": [{"time": 0.25, "sha256": "ab" * 32}, {"time": 0.75, "sha256": "cd" * 32}],
        "size_sent": "896x504",
        "tokens": {
            "prompt_estimated": 2400,
            "prompt_reported": 2479,
            "answer_reported": 212,
            "answer_limit": 300,
        },
        "temperature": 0.6,
        "seed": 7,
        "candidate": 0,
        "finish_reason": "stop",
        "seconds": {"generating": 2.5},
        "ended": "2026-11-30T18:00:00+00:00",
        "job": "f00d",
    }
    return provenance | changes


def reported_result(
    text: str,
    decision: Decision | None = Decision.UNDECIDED,
    lints: Sequence[Lint] = (),
    **changes: Json,
) -> ReportedResult:
    """Return a result with this text; `changes` are those of its provenance."""
    made = read_provenance(provenance_of(**changes))
    return ReportedResult(7, decision, text, tuple(lints), made)


def reported_prompt(
    name: str, original: str | None, *results: ReportedResult, media: Sequence[Path] = ()
) -> ReportedPrompt:
    """Return a prompt with these results."""
    return ReportedPrompt(
        name=name,
        original=original,
        file=Path("outputs") / "spec.json",
        entry=0,
        media=tuple(media),
        fps=None,
        sampling=FrameSampling.UNIFORM,
        token_limit=3796,
        results=results or (reported_result("A long, warm dusk."),),
    )


def hostile_report(media: Sequence[Path] = ()) -> Reported:
    """Return a report with ordinary results, and one that has hostile text wherever a file can put it."""
    told: dict[str, Json] = dict.fromkeys(_TEXTS, HOSTILE)
    evil = reported_result(HOSTILE, Decision.REJECTED, (), **told)
    outline = reported_result(f'{{"{"key" * 9}": ["a", {{"<b>": "x"}}], "quay": {{"of": null}}}}')
    quay = reported_result("A quiet harbour lies under a warm dusk sky.", rating=4)
    return Reported(
        (
            reported_prompt("harbour", "a harbour at dusk", quay, media=media),
            reported_prompt(HOSTILE, HOSTILE, evil, media=[Path(HOSTILE.replace("\x00", ""))]),
            reported_prompt("outline", "a quay", outline, reported_result("A quay."), media=media),
        ),
        (HOSTILE,),
    )
