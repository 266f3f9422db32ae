"""Reads the load of a vLLM from its Prometheus page /metrics.

Other servers have no such page, or other names on it; they are polled again only after a pause.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from remote.engines import EngineError
from remote.engines.http import Client, Server
from remote.protocol import EngineLoad, PartLoad

_SECONDS = 3.0
"""For the connection, and again for the whole page."""
_PAUSE_SECONDS = 30.0
"""Before a server is asked again that gave no such page."""
_LONGEST_INTERVAL = 15.0
"""Seconds between two readings that a rate may be taken over; past that, it would tell of the past."""
_MOST_PAGE = 4 << 20

_RUNNING = "vllm:num_requests_running"
_WAITING = "vllm:num_requests_waiting"
_PROMPT = "vllm:prompt_tokens_total"
_GENERATION = "vllm:generation_tokens_total"
_CACHE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""The name of today, and that of the versions before; some have both."""
_BEYOND_COUNTS = 2.0**44
"""Tokens; at a million a second, half a year of them. As many as a page has lines are within 64 bits."""
_NAMES = frozenset({_RUNNING, _WAITING, _PROMPT, _GENERATION, *_CACHE})
_SAMPLE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*", re.ASCII)
_ENGINE = re.compile(r'(?:^|,)\s*engine="(\w{1,16})"', re.ASCII)
"""The label that names one of several engines."""
_MOST_PARTS = 256


@dataclass(frozen=True)
class Metrics:
    """One page; None for what is not on it."""

    running: int | None
    waiting: int | None
    prompt_tokens: float | None
    generation_tokens: float | None
    """Since the server started."""
    cache_usage: float | None
    """A share, whatever the metric's own name says."""
    parts: tuple[PartLoad, ...] = ()
    """The load of each engine; none for a server with one."""
    generated: tuple[float | None, ...] = ()
    """The answer tokens of each of these engines since the server started."""


def read_metrics(page: str) -> Metrics | None:
    """Read our metrics from the page; None when it has none of them.

    Data-parallel engines have a line each: counts are added up, and the fullest cache counts.
    """
    found: dict[str, list[float]] = {}
    engines: dict[str, dict[str, float]] = {}
    for name, engine, value in _samples(page):
        found.setdefault(name, []).append(value)
        if engine:
            engines.setdefault(engine, {})[name] = value
    if not found:
        return None
    total = {name: sum(values) for name, values in found.items()}
    fullest = {name: max(values) for name, values in found.items()}
    parts = _parts(engines) if len(engines) > 1 else ()
    return Metrics(
        running=_count(total.get(_RUNNING)),
        waiting=_count(total.get(_WAITING)),
        prompt_tokens=total.get(_PROMPT),
        generation_tokens=total.get(_GENERATION),
        cache_usage=_cache_usage(fullest),
        parts=parts,
        generated=tuple(engines[part.name].get(_GENERATION) for part in parts),
    )


def _parts(engines: Mapping[str, Mapping[str, float]]) -> tuple[PartLoad, ...]:
    """The load of each engine, in the order of their numbers."""
    names = sorted(engines, key=lambda name: (len(name), name))[:_MOST_PARTS]
    return tuple(
        PartLoad(
            name=name,
            running=_count(engines[name].get(_RUNNING)),
            waiting=_count(engines[name].get(_WAITING)),
            cache_usage=_cache_usage(engines[name]),
        )
        for name in names
    )


def _cache_usage(values: Mapping[str, float]) -> float | None:
    usage = next((values[name] for name in _CACHE if name in values), None)
    return None if usage is None else min(usage, 1.0)


class LoadReader:
    """Polls one server; the rates come from two pages in a row."""

    def __init__(self, server: Server) -> None:
        self._client = Client(server, _SECONDS)
        self._last: tuple[float, Metrics] | None = None
        self._not_before = 0.0

    async def read(self) -> EngineLoad | None:
        """What the server has to do; None when it does not tell."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            return None
        metrics = await self._ask()
        now = loop.time()
        if metrics is None:
            self._last = None
            self._not_before = now + _PAUSE_SECONDS
            return None
        before, self._last = self._last, (now, metrics)
        return _load(metrics, before, now)

    async def _ask(self) -> Metrics | None:
        try:
            async with self._client.request("GET", "/metrics", silence=_SECONDS) as response:
                if response.status != 200:
                    return None
                page = await response.read(_MOST_PAGE)
        except EngineError:
            return None
        return read_metrics(page.decode("utf-8", "replace"))


def _load(metrics: Metrics, before: tuple[float, Metrics] | None, now: float) -> EngineLoad:
    then, last = before or (-math.inf, metrics)
    seconds = now - then

    def rate(count: float | None, earlier: float | None) -> float | None:
        if count is None or earlier is None or not 0 < seconds <= _LONGEST_INTERVAL:
            return None
        # A server that was started again counts from 0.
        return (count - earlier) / seconds if count >= earlier else None

    names = [part.name for part in last.parts]
    earlier = dict(zip(names, last.generated, strict=True))
    return EngineLoad(
        running=metrics.running,
        waiting=metrics.waiting,
        prompt_rate=rate(metrics.prompt_tokens, last.prompt_tokens),
        generation_rate=rate(metrics.generation_tokens, last.generation_tokens),
        cache_usage=metrics.cache_usage,
        parts=tuple(
            replace(part, generation_rate=rate(count, earlier.get(part.name)))
            for part, count in zip(metrics.parts, metrics.generated, strict=True)
        ),
    )


def _samples(page: str) -> Iterator[tuple[str, str, float]]:
    """The name, the engine and the value of each of our metrics; the engine is empty where none is named."""
    for line in page.splitlines():
        if not line.startswith("vllm:"):
            continue
        sample = _SAMPLE.fullmatch(line)
        if sample is None or sample[1] not in _NAMES:
            continue
        value = _number(sample[3])
        if value is not None:
            engine = _ENGINE.search(sample[2] or "")
            yield sample[1], engine[1] if engine else "", value


def _number(text: str) -> float | None:
    """A count or a share; NaN and the like are none, and neither is what no sum of them may reach."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < _BEYOND_COUNTS else None


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)
