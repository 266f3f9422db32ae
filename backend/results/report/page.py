"""Writes the page: one HTML file that needs no network and no other file.

It is written piece by piece while its cards are made, so that a thousand results do not lie in memory as one
text. Whatever comes from files is escaped: jinja2 does it for all values of the template, and control
characters are spelled before that. The page's policy forbids everything but its own style and script,
named by their hashes, and pictures inside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import BinaryIO

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from backend import __version__
from backend.results.lints import LintKind
from backend.results.report import plots
from backend.results.report.cards import PromptCard, make_card, short_model
from backend.results.report.pictures import PictureMaker
from backend.results.report.reported import Reported
from backend.specs.quoting import with_visible_controls
from backend.store.decision import Decision

_FOLDER = files("backend.results.report")


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """One of the filter's drop-down lists."""

    name: str
    """The name of the cards' data that it looks at."""
    label: str
    options: tuple[tuple[str, str], ...]
    """Each word of the data, with what people read."""


def write_page(
    file: BinaryIO,
    reported: Reported,
    title: str,
    made: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the page. Blocks; raises OSError.

    `made` is the time that the page tells. `progress` is called after each prompt, with how many are done.
    """
    style, script = _own("page.css"), _own("page.js")
    models = list(dict.fromkeys(r.made.model for r in reported.results if r.made.model))
    words = {model: str(n) for n, model in enumerate(models)}
    pieces = (
        _environment()
        .get_template("page.html")
        .generate(
            title=title,
            made=made,
            version=__version__,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=_policy(style, script),
            figures=_figures(reported),
            plots=plots.plots_of(reported),
            width=plots.WIDTH,
            height=plots.HEIGHT,
            choices=_choices(reported, models),
            troubles=reported.troubles,
            cards=_cards(reported, words, progress),
            count=len(reported.prompts),
        )
    )
    for piece in pieces:
        file.write(piece.encode())


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_own),
        autoescape=True,
        finalize=_finished,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _own(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8")


def _finished(value: object) -> object:
    """Spell the control characters of every text that the template is given."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return with_visible_controls(value)
    return value


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _cards(
    reported: Reported, models: dict[str, str], progress: Callable[[int], None]
) -> Iterator[PromptCard]:
    maker = PictureMaker()
    for number, prompt in enumerate(reported.prompts, 1):
        yield make_card(number, prompt, maker.make(prompt), models)
        progress(number)


def _figures(reported: Reported) -> list[tuple[str, str]]:
    """Return the numbers at the top of the page, each with what it counts."""
    results = reported.results
    decisions = Counter(result.decision for result in results)
    wanted = decisions[Decision.ACCEPTED] + decisions[Decision.EDITED]
    ends = sorted(result.made.ended for result in results if result.made.ended)
    costs = [result.made.cost for result in results if result.made.cost is not None]
    tokens = sum(result.made.answer_tokens or 0 for result in results)
    figures = [
        ("prompts", f"{len(reported.prompts):,}"),
        ("results", f"{len(results):,}"),
        ("accepted", f"{wanted:,}" if wanted else ""),
        (
            "to decide",
            f"{decisions[Decision.UNDECIDED]:,}" if decisions[Decision.UNDECIDED] else "",
        ),
        ("with lints", f"{sum(bool(result.lints) for result in results):,}"),
        ("tokens written", f"{tokens:,}" if tokens else ""),
        ("cost", f"{sum(costs):,.4g}" if costs else ""),
        ("made", _span(ends[0][:10], ends[-1][:10]) if ends else ""),
    ]
    return [(noun, figure) for noun, figure in figures if figure]


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} – {last}"


def _choices(reported: Reported, models: list[str]) -> list[FilterChoice]:
    """Return the drop-down lists in which there is something to choose."""
    results = reported.results
    kinds = {lint.kind for result in results for lint in result.lints}
    found = [
        FilterChoice(
            "decision",
            "Decision",
            tuple((str(d), str(d)) for d in Decision if any(r.decision is d for r in results)),
        ),
        FilterChoice(
            "lint",
            "Lints",
            (
                ("none", "without lints"),
                ("any", "with lints"),
                *((str(kind), str(kind)) for kind in LintKind if kind in kinds),
            ),
        ),
        FilterChoice(
            "rating",
            "Rating",
            tuple(
                (str(n), f"{n} of 5")
                for n in sorted({r.made.rating for r in results if r.made.rating}, reverse=True)
            ),
        ),
        FilterChoice(
            "model", "Model", tuple((str(n), short_model(m)) for n, m in enumerate(models))
        ),
    ]
    return [
        choice for choice in found if len(choice.options) > 1 and (choice.name != "lint" or kinds)
    ]
