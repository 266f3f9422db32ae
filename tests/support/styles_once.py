"""The styles of Textual's apps, parsed once in a process.

Textual parses every stylesheet anew when a page is opened for the first time and when the theme changes.
That took a seventh of the time of the tests of the app, though each of their apps has the same styles.
"""

from __future__ import annotations

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

_Key = tuple[frozenset[tuple[str, str]], str, CSSLocation, bool, int, str]


def parse_styles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, what one app has parsed serves all that follow with the same styles and variables."""
    parse = Stylesheet._parse_rules
    parsed: dict[_Key, list[RuleSet]] = {}

    def parse_once(
        sheet: Stylesheet,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        variables = frozenset(sheet._variables.items())
        key = (variables, css, read_from, is_default_rules, tie_breaker, scope)
        if key not in parsed:
            parsed[key] = parse(sheet, css, read_from, is_default_rules, tie_breaker, scope)
        return parsed[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_once)
    # It says the same as the one in Python, which is called a thousand times for each widget that is styled.
    monkeypatch.setattr(RuleSet, "__hash__", object.__hash__)
