"""The page about results: what it shows, and that nothing from a file is markup in it."""

from __future__ import annotations

import html
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

from backend.results.lints import Lint, LintKind, Span
from backend.results.report.page import write_page
from backend.results.report.reported import Reported
from backend.store.decision import Decision
from tests.support.reported_results import (
    HOSTILE,
    hostile_report,
    reported_prompt,
    reported_result,
)

MADE = datetime(2026, 11, 30, 18, 40, tzinfo=UTC)


def page_of(reported: Reported, title: str = "Results") -> str:
    file = io.BytesIO()
    write_page(file, reported, title, MADE)
    return file.getvalue().decode()


class Outline(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_that_a_file_says_is_markup() -> None:
    page = page_of(hostile_report(), HOSTILE)
    found = Outline(page)
    assert (found.elements.count("script"), found.elements.count("style")) == (1, 1)
    assert not {"iframe", "b>", "object", "embed", "base"} & set(found.elements)
    assert found.elements.count("img") == 0
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]
    links = [value or "" for name, value in found.attributes if name in ("href", "src", "action")]
    assert all(re.fullmatch(r"#\w+|data:,|data:image/\w+;base64,.*", link) for link in links)
    assert "{{ 7 * 7 }} {% raw %} &amp; &lt;b&gt;" in found.text


def test_control_characters_are_spelled_and_joined_emoji_stay() -> None:
    page = page_of(hostile_report())
    assert not re.search(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe]", page
    )
    assert r"\x00 \x1b[31m \x07 \x9b \u202ereversed\u202c \u2066 � \ufffe" in html.unescape(page)
    assert "👨\u200d👩\u200d👧 שלום\u200f" in page


def test_the_policy_names_the_pages_own_style_and_script_alone() -> None:
    page = page_of(Reported(()))
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0])
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert rules.pop("style-src").startswith("'sha256-")
    assert rules.pop("script-src").startswith("'sha256-")
    assert set(rules.values()) == {"'none'"}


def test_a_report_without_results_says_so() -> None:
    page = page_of(Reported((), ("dusk (job 3): no answer",)))
    assert "There are no results." in page
    assert "1 could not be read" in page
    assert "<article" not in page


def test_lost_kept_and_linted_words_are_marked() -> None:
    lint = Lint(LintKind.REPETITION, '"dusk, dusk" comes twice', (Span(7, 17),))
    result = reported_result("A warm dusk, dusk over cranes.", Decision.EDITED, [lint])
    page = page_of(Reported((reported_prompt("dusk", "warm dusk, three cranes", result),)))
    assert "<del>three</del>" in page
    assert "<u>warm </u><mark><u>dusk,</u></mark>" in page
    assert "<b>repetition</b> &#34;dusk, dusk&#34; comes twice" in page
    assert 'data-decision="edited" data-lint="any|repetition"' in page


def test_candidates_share_the_card_of_their_prompt() -> None:
    first, second = reported_result("A dusk.", seed=1), reported_result("A dawn.", seed=2)
    page = page_of(Reported((reported_prompt("dusk", "dusk, dawn, dark", first, second),)))
    assert page.count("<article") == 1
    assert "Candidate 2 of 2" in page
    # What one of them has is not lost.
    assert re.findall("<del>(.*?)</del>", page.partition("<article")[2]) == [", dark"]


def test_rating_note_and_what_is_known_of_a_result_are_told() -> None:
    result = reported_result("A dusk.", rating=4, note="The hand looks\nright", cost=0.25)
    page = page_of(Reported((reported_prompt("dusk", "dusk", result),)))
    assert 'aria-label="Rated 4 of 5">★★★★☆' in page
    assert "<b>Note</b> The hand looks\nright" in page
    assert "Upsampler-12B · on h200 · seed 7 · 212 tokens · 85 tokens/s" in page
    assert "2,479 of at most 3,796" in page
    assert "limit 3,796" in page


def test_a_text_that_no_model_wrote_says_so() -> None:
    words = "Written by the sketch engine; no language model wrote it."
    result = reported_result("A dusk.", model="", written_by=words)
    page = page_of(Reported((reported_prompt("dusk", "dusk", result),)))
    assert "<summary>Written by the sketch engine; no language model wrote it · on h200" in page


def test_a_prompt_that_is_an_object_is_an_outline() -> None:
    text = (
        '{"subjects": [{"pose": null, "what": "a red car"}], "fps": 24, "tones": ["red", "blue"]}'
    )
    prompt = reported_prompt("car", "a red car", reported_result(text))
    page = page_of(Reported((prompt,))).partition("<article")[2]
    assert page.count("<details open>") == 2
    assert (
        '<bdi class="key">what</bdi> <span class="value" dir="auto"><u>a red car</u></span>' in page
    )
    assert '<bdi class="key">pose</bdi> <span class="value" dir="auto">–</span>' in page
    assert ">24</span>" in page


def test_media_that_are_gone_leave_a_card_without_pictures() -> None:
    prompt = reported_prompt("dusk", "dusk", media=[Path("/nowhere/clip.mp4")])
    page = page_of(Reported((prompt,)))
    assert "<img" not in page
    assert "No picture: clip.mp4 does not exist." in page
    assert "/nowhere" not in page


def test_a_long_text_is_cut_and_says_so() -> None:
    prompt = reported_prompt("dusk", "dusk", reported_result("dusk " * 20_000))
    page = page_of(Reported((prompt,)))
    assert "… and 60000 more characters" in page
    assert len(page) < 1_000_000
