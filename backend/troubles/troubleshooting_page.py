"""Writes docs/troubleshooting.md, which lists every known error."""

from __future__ import annotations

from backend.troubles.entries import (
    EvidenceKind,
    KnownTrouble,
    LoginTrouble,
    all_entries,
    all_groups,
    login_troubles,
)
from backend.troubles.sentences import fill

_OPENING = """\
# Troubleshooting

<!-- Printed by `python -m backend.troubles` from backend/troubles/troubles.toml. Change it there. -->

When an engine fails, `upsample` says what happened, why, and what to do. This page holds everything that
it knows how to explain. Search it for a few words of the error that you see; numbers and names will differ.

`upsample box logs` shows the end of the log on the box. The end of this page has
[boxes that are not reached at all](#reaching-the-box).
"""

_LOGIN = """\
## Reaching the box

Compare with `ssh -v HOST`. [connection.md](connection.md) says what is heeded of the ssh config.

| you see | why | what to do |
| --- | --- | --- |
"""


def troubleshooting_page() -> str:
    """Return the page as Markdown."""
    sections = [_OPENING, _overview()]
    for group in all_groups():
        sections.append(f"## {group}\n")
        sections.extend(_section(entry) for entry in _in_group(group))
    sections.append(_LOGIN + "".join(_row(trouble) for trouble in login_troubles()))
    return "\n".join(sections)


def _row(trouble: LoginTrouble) -> str:
    return f"| {trouble.seen} | {trouble.why} | {trouble.do} |\n"


def _overview() -> str:
    rows = [
        f"| {group} | {' · '.join(f'[{e.title}](#{e.id})' for e in _in_group(group))} |"
        for group in all_groups()
    ]
    return "\n".join(["| about | what goes wrong |", "| --- | --- |", *rows, ""])


def _in_group(group: str) -> list[KnownTrouble]:
    """Return the entries of a group: refused requests first, because they are the most frequent."""
    return sorted(
        (entry for entry in all_entries() if entry.group == group),
        key=lambda entry: entry.kind is not EvidenceKind.REQUEST,
    )


def _section(entry: KnownTrouble) -> str:
    seen = "\n".join(f"    {example}" for example in entry.examples)
    exits = ", ".join(str(code) for code in entry.exit_codes)
    also = f"Or the engine ends with exit code {exits}.\n\n" if exits else ""
    return (
        f'<a id="{entry.id}"></a>\n\n### {entry.title}\n\nYou see, for example:\n\n{seen}\n\n{also}'
        f"**What happened:** {_plain(entry.what)}\n\n"
        f"**Why:** {_plain(entry.why)}\n\n"
        f"**What to do:** {_plain(entry.do)}\n"
    )


def _plain(sentence: str) -> str:
    """Return the sentence for a case about which nothing is known."""
    return fill(sentence, {})
