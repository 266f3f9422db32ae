"""The rows of the help. Each names actions, and the bindings of pages and widgets say which keys do them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from textual.binding import Binding
from textual.dom import DOMNode

from tui.widgets.own_keys import spelled

_RANGE = "…"
NO_KEYMAP: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HelpRow:
    """One row of the help: keys, and a sentence about what they do."""

    does: str
    actions: str = ""
    """The actions of the keys, as bindings spell them. Each mention of an action stands for its next key."""
    term: str = ""
    """Stands in place of keys in a row that explains something to type."""


HelpGroups = Mapping[str, Sequence[HelpRow]]
"""Rows by the title of their group."""


def spell_keys(
    row: HelpRow, owners: Sequence[type[DOMNode]], keymap: Mapping[str, str] = NO_KEYMAP
) -> str:
    """Return the keys of the row as the help spells them. Each action is bound by one of the `owners`.

    `keymap` holds the user's own keys, by the ids of bindings.
    """
    if row.term:
        return row.term
    keys: list[str] = []
    mentions = Counter[str]()
    for action in row.actions.split():
        bound = [_RANGE] if action == _RANGE else _keys_of(action, owners, keymap)
        # Of a user's own there may be fewer than shipped.
        keys.append(bound[min(mentions[action], len(bound) - 1)])
        mentions[action] += 1
    return " ".join(spelled(key) for key in keys)


def _keys_of(action: str, owners: Iterable[type[DOMNode]], keymap: Mapping[str, str]) -> list[str]:
    """Return the keys that do the action, those of the first owner and of its nearest classes first."""
    bindings = [
        binding
        for owner in owners
        for base in owner.__mro__
        for binding in base.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.action == action
    ]
    return [
        key.strip()
        for binding in bindings
        for key in keymap.get(binding.id or "", binding.key).split(",")
    ]


EVERYWHERE: HelpGroups = {
    "Everywhere": (
        HelpRow("specs, queue, log, review, settings", "page('specs') … page('settings')"),
        HelpRow("log, settings", "log settings"),
        HelpRow("these keys", "help"),
        HelpRow("commands, themes among them", "command_palette"),
        HelpRow("to the shell; fg comes back", "suspend_process"),
        HelpRow("quit", "quit"),
    ),
}
"""The keys that do the same on every page."""
