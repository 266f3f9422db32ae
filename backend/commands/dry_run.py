"""`--dry-run`: show what would be sent and what would be refused. Nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from rich.text import Text

from backend.addresses import spelled
from backend.commands.exact_counts import counted_by_server
from backend.commands.verdict_text import tokens_text, verdict_text
from backend.config import Settings
from backend.config.profiles import AUTO, OTHERWISE
from backend.console import out, safe, say, table, warn, write_json
from backend.exit_codes import ExitCode
from backend.files.index import default_index
from backend.planning.box_planner import make_planner
from backend.planning.costs import most_cost
from backend.planning.orders import Batch
from backend.planning.plan import Plan
from backend.specs.model import Scan, Spec
from backend.tokens import TextCounter
from backend.video import FrameSampling, Video, VideoIndex
from remote.protocol import Json


def show_plans(
    specs: Sequence[Spec],
    found: Scan,
    settings: Settings,
    batch: Batch,
    *,
    as_json: bool,
    exact: bool = False,
    fingerprint: str = "",
) -> ExitCode:
    """Show the plan of each spec. Exits with SOME_FAILED when something would be refused.

    With `exact`, the box's model server is asked to count the texts; `fingerprint` is that of its host key.
    """
    with closing(VideoIndex(default_index())) as videos:
        planner = make_planner(settings, TextCounter(), videos.probe, batch.box)
        plans = [(spec, planner.plan_spec(spec)) for spec in specs]
        if exact and plans:
            made = [plan for _, plan in plans]
            better = counted_by_server(planner, made, settings, batch.box, fingerprint)
            plans = [(spec, better.plan_spec(spec)) for spec in specs] if better else plans
    own = [settings.upsampling.for_spec(p.format, p.target.mode) for _, p in plans]
    if as_json:
        for (spec, plan), asked in zip(plans, own, strict=True):
            cost = most_cost([(plan, batch.candidates)], batch.box_settings)
            write_json(
                plan_json(spec, plan)
                | {"frame_sampling": asked.frame_sampling}
                | {"answer_language": asked.answer_language or None}
                | {"most_cost": cost.amount if cost else None}
            )
    else:
        _show_table(plans, with_profiles=_differ(plans, settings))
        if any(plan.budget and plan.budget.measured for _, plan in plans):
            say(f"measured: the tokens are corrected by what {safe(batch.box)} has counted.")
        for language in dict.fromkeys(it.answer_language for it in own if it.answer_language):
            say(f"Answers are asked for in {safe(language)}.")
        if any(asked.frame_sampling is FrameSampling.KEYFRAMES for asked in own):
            say("Frames are the nearest key frames; a video that has fewer shows fewer.")
    for warning in dict.fromkeys(plan.warning for _, plan in plans if plan.warning):
        warn(warning)
    to_fetch = {address for _, plan in plans for address in plan.to_fetch}
    if to_fetch:
        would = "1 address" if len(to_fetch) == 1 else f"{len(to_fetch):,} addresses"
        say(f"{would} would be fetched; what that costs is known then.")
    refused = sum(plan.refusal is not None for _, plan in plans) + len(found.broken)
    prompts = "1 prompt" if len(plans) == 1 else f"{len(plans):,} prompts"
    say(f"{prompts}, {refused:,} refused; nothing was sent.")
    cost = most_cost(((plan, batch.candidates) for _, plan in plans), batch.box_settings)
    if cost is not None:
        say(f"To send it costs {cost.words}.")
    return ExitCode.SOME_FAILED if refused else ExitCode.OK


def plan_json(spec: Spec, plan: Plan) -> dict[str, Json]:
    """Return a plan as a JSON object."""
    budget = plan.budget
    return {
        "file": str(spec.file),
        "entry": spec.entry,
        "name": spec.name,
        "format": spec.format.value,
        "mode": spec.target.mode.value if spec.target.mode else None,
        "profile": plan.profile or None,
        "video": _path(plan.video) or (spelled(spec.video) if spec.video else None),
        "control": _path(plan.controls[0] if plan.controls else None),
        "controls": [video.called for video in plan.controls],
        "video_size": str(plan.video.size) if plan.video else None,
        "size_sent": str(plan.size) if plan.size else None,
        "frames": plan.frames,
        "text_tokens": budget.text if budget else None,
        "vision_tokens": budget.vision if budget else None,
        "prompt_tokens": budget.prompt_tokens if budget else None,
        "linear_tokens": plan.linear,
        "limit": budget.limit if budget else None,
        "reserve": budget.reserve if budget else None,
        "estimated": budget.estimated if budget else None,
        "measured": budget.measured if budget else None,
        "verdict": budget.verdict.value if budget else None,
        "warning": plan.warning or None,
        "to_fetch": list(plan.to_fetch),
        "refusal": str(plan.refusal) if plan.refusal else None,
    }


def _differ(plans: Sequence[tuple[Spec, Plan]], settings: Settings) -> bool:
    """Whether a profile was taken for some of the specs because it fits them."""
    usual = {"", OTHERWISE}
    return settings.upsampling.profile == AUTO and any(p.profile not in usual for _, p in plans)


def _path(video: Video | None) -> str | None:
    return video.called if video else None


def _show_table(plans: Sequence[tuple[Spec, Plan]], *, with_profiles: bool) -> None:
    """Print the plans. `with_profiles` tells whether to name the profile of each spec."""
    columns = ["name", "video", "sent as", "frames", "tokens", "verdict"]
    if with_profiles:
        columns.insert(1, "profile")
    shown = table(*columns, right=("frames", "tokens"))
    for spec, plan in plans:
        budget = plan.budget
        if budget:
            verdict = verdict_text(budget.verdict)
        else:
            verdict = Text("↓ to fetch") if plan.to_fetch else Text("✗ unreadable", "red")
        shown.add_row(
            Text(safe(spec.name)),
            *([Text(safe(plan.profile))] if with_profiles else []),
            str(plan.video.size) if plan.video else "-",
            str(plan.size or "-"),
            str(plan.frames),
            tokens_text(budget) if budget else "-",
            verdict,
        )
    out().print(shown)
    for spec, plan in plans:
        for address in plan.to_fetch:
            out().print(
                Text("↓ ") + Text(safe(f"{spec.name}: {address} would be fetched")), soft_wrap=True
            )
        if plan.refusal is not None:
            out().print(
                Text("✗ ", "bold red") + Text(safe(f"{spec.name}: {plan.refusal}")),
                soft_wrap=True,
            )
