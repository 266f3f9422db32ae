"""The report of the resolution lab as one value, and as JSON: what frames cost in tokens, and what a context
length costs in GPU memory, where vLLM keeps a request's tokens in its KV cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.config.profiles import KvCache
from backend.limits.estimates import EstimateRow, Largest, LimitsLab
from backend.limits.measurement import Confirmed, MeasuredSize, Measurement
from backend.limits.sampled_sizes import NamedSize
from backend.sizes import Size
from remote.protocol import Json

FRAMES_OF = (Size(320, 180), Size(640, 480), Size(1280, 704))
"""The sizes for which the report gives the most frames: a small one, NVIDIA's example, and 720p."""


GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class CacheMemory:
    """Bytes of the KV cache at one context length."""

    max_model_len: int
    per_request: int
    """The bytes for one request that fills the context. With less, vLLM does not start."""
    most: int
    """The bytes for `max_num_seqs` such requests. With less, vLLM works on fewer requests at once."""


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """What sizes cost, what each context length allows, and what was measured on a box."""

    profile: str
    prompt: str
    text: int
    """The tokens of the prompt."""
    overhead: int
    reserve: int
    """Tokens kept free for the answer."""
    estimated: bool
    """Whether the counts are upper estimates."""
    measured: bool
    """Whether they are corrected by what the box has counted for earlier requests."""
    contexts: tuple[int, ...]
    rows: tuple[EstimateRow, ...]
    largest: tuple[Largest, ...]
    most_frames: tuple[tuple[Size, tuple[int, ...]], ...]
    """For each size of FRAMES_OF, the number of frames that fit each context length."""
    memories: tuple[CacheMemory, ...]
    """The memory for each context length; empty when the profile gives no KV cache."""
    memory_source: str
    bytes_per_token: int
    """The bytes of the KV cache for each token; 0 when the profile gives no KV cache."""
    max_num_seqs: int
    measurement: Measurement | None = None

    @property
    def frame_counts(self) -> tuple[int, ...]:
        """The numbers of frames in the report."""
        return tuple(dict.fromkeys(row.frames for row in self.rows))


def make_report(
    lab: LimitsLab,
    sizes: Sequence[NamedSize],
    frame_counts: Sequence[int],
    max_num_seqs: int,
    measurement: Measurement | None = None,
) -> LimitsReport:
    """Make all estimates, which takes some tenths of a second."""
    planner, cache = lab.planner, lab.planner.profile.kv_cache
    weighed = planner.weigh(lab.text, None, 0)
    return LimitsReport(
        profile=planner.profile.name,
        prompt=lab.prompt,
        text=lab.text,
        overhead=weighed.overhead,
        reserve=weighed.reserve,
        estimated=weighed.estimated,
        measured=weighed.measured,
        contexts=lab.contexts,
        rows=lab.rows(sizes, frame_counts),
        largest=lab.largest(frame_counts),
        most_frames=tuple(
            (size, tuple(lab.most_frames(size, limit) for limit in lab.contexts))
            for size in FRAMES_OF
        ),
        memories=tuple(cache_memory(cache, limit, max_num_seqs) for limit in lab.contexts)
        if cache
        else (),
        memory_source=cache.source if cache else "",
        bytes_per_token=cache.bytes_per_token if cache else 0,
        max_num_seqs=max_num_seqs,
        measurement=measurement,
    )


def cache_memory(cache: KvCache, max_model_len: int, max_num_seqs: int) -> CacheMemory:
    """Compute the memory for a context length, summed over all GPUs that share the model."""
    per_request = cache.bytes_per_token * max_model_len
    return CacheMemory(max_model_len, per_request, per_request * max_num_seqs)


def gib_text(count: int) -> str:
    """Format bytes as "0.62 GiB": with two decimals below ten, else with one."""
    value = count / GIB
    return f"{value:.2f} GiB" if value < 10 else f"{value:,.1f} GiB"


def report_json(report: LimitsReport) -> dict[str, Json]:
    """Return the whole report as JSON."""
    return {
        "profile": report.profile,
        "prompt": report.prompt,
        "text_tokens": report.text,
        "overhead_tokens": report.overhead,
        "reserve": report.reserve,
        "estimated": report.estimated,
        "measured": report.measured,
        "max_model_len": list(report.contexts),
        "sizes": [_row_json(row) for row in report.rows],
        "largest": [_largest_json(each) for each in report.largest],
        "most_frames": [
            {"size": str(size), "frames": list(counts)} for size, counts in report.most_frames
        ],
        "kv_cache": {
            "bytes_per_token": report.bytes_per_token,
            "source": report.memory_source,
            "max_num_seqs": report.max_num_seqs,
            "bytes": [
                {"max_model_len": m.max_model_len, "per_request": m.per_request, "most": m.most}
                for m in report.memories
            ],
        }
        if report.memories
        else None,
        "measurement": measurement_json(report.measurement) if report.measurement else None,
    }


def measurement_json(measured: Measurement) -> dict[str, Json]:
    """Return a measurement as JSON."""
    return {
        "box": measured.box,
        "model": measured.model,
        "profile": measured.profile,
        "engine": measured.engine,
        "ended": measured.ended,
        "max_model_len": measured.max_model_len,
        "reserve": measured.reserve,
        "prompt": measured.prompt,
        "largest_error": measured.largest_error,
        "as_reckoned": measured.is_as_reckoned,
        "keeps_room_for_the_answer": measured.keeps_room,
        "rows": [_asked_json(row) for row in measured.rows],
        "largest": [_confirmed_json(each) for each in measured.confirmed],
    }


def _row_json(row: EstimateRow) -> dict[str, Json]:
    return {
        "name": row.name,
        "width": row.size.width,
        "height": row.size.height,
        "frames": row.frames,
        "vision_tokens": row.exact,
        "prompt_tokens": row.budgets[0].prompt_tokens,
        "linear_tokens": row.linear,
        "limits": [
            {"max_model_len": b.limit, "verdict": b.verdict.value, "free": b.free}
            for b in row.budgets
        ],
    }


def _largest_json(largest: Largest) -> dict[str, Json]:
    return {
        "aspect": largest.aspect.value,
        "frames": largest.frames,
        "max_model_len": largest.max_model_len,
        "size": _size_json(largest.size),
        "prompt_tokens": largest.prompt_tokens,
        "next_size": _size_json(largest.above),
    }


def _asked_json(row: MeasuredSize) -> dict[str, Json]:
    return {
        "name": row.name,
        "size": _size_json(row.size),
        "frames": row.frames,
        "counted": row.budget.prompt_tokens,
        "measured": row.reply.prompt_tokens,
        "difference": row.difference,
        "fits": row.budget.fits,
        "outcome": row.reply.outcome.value,
        "words": row.reply.words,
        "agrees": row.agrees,
    }


def _confirmed_json(each: Confirmed) -> dict[str, Json]:
    return {
        "aspect": each.aspect.value,
        "frames": each.frames,
        "estimated": _size_json(each.estimated),
        "accepted": _size_json(each.accepted),
        "accepted_tokens": each.accepted_tokens,
        "refused": _size_json(each.refused),
        "sent": _size_json(each.sent),
        "sent_tokens": each.sent_reply.prompt_tokens if each.sent_reply else None,
        "sent_outcome": each.sent_reply.outcome.value if each.sent_reply else None,
        "trouble": each.trouble,
        "confirmed": each.is_confirmed,
    }


def _size_json(size: Size | None) -> str | None:
    return str(size) if size else None
