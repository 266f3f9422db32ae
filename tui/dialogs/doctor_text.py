"""The findings of an examination as lines: an area, then the sign, word, subject and result of each
finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from remote.protocol import FAILED, OK, SKIPPED, WARNING, Finding
from tui.text import one_line

_SIGNS = {
    OK: ("✓", "$text-success"),
    WARNING: ("!", "$text-warning"),
    FAILED: ("✗", "$text-error"),
    SKIPPED: ("–", "$foreground-muted"),
}
_WORD = 12
_NAME = 13


def finding_lines(findings: Sequence[Finding], width: int) -> Content:
    """Lay out all findings so far for a pane of `width` cells."""
    lines: list[Content] = []
    area = ""
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += [Content()] if lines else []
            lines.append(Content.styled(one_line(area), "bold"))
        lines += _lines(finding, width)
    return Content("\n").join(lines)


def summary(findings: Sequence[Finding], seconds: float) -> Content:
    """Return how many findings of each kind there are, and how long the examination took."""
    counts = [
        Content.styled(f"{sign} {count} {verdict}", colour)
        for verdict, (sign, colour) in _SIGNS.items()
        if (count := sum(finding.verdict == verdict for finding in findings))
    ]
    return Content("  ").join([*counts, Content.styled(f"{seconds:.1f} s", "$foreground-muted")])


def _lines(finding: Finding, width: int) -> list[Content]:
    sign, colour = _SIGNS.get(finding.verdict, ("?", ""))
    verdict = f"  {sign} {one_line(finding.verdict)}"
    first = Content.assemble(
        (f"{verdict:<{_WORD}} ", colour), f"{one_line(finding.name):<{_NAME}} "
    )
    room = max(20, width - _WORD - _NAME - 2)
    told = Content(one_line(finding.detail)).wrap(room)
    if finding.remedy:
        told += Content.styled(f"→ {one_line(finding.remedy)}", "$text-accent").wrap(room)
    indents = [first] + [Content(" " * (_WORD + _NAME + 2))] * (len(told) - 1)
    return [indent + line for indent, line in zip(indents, told, strict=True)]
