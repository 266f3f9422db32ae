"""Checks the keys that a user has chosen, and makes Textual's keymap of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

from backend.errors import ConfigError
from tui.widgets.own_keys import bindings_of

OwnKeys = Mapping[str, Mapping[str, str]]
"""Keys by place and name, as [keys] has them: {"review": {"accept": "a"}}."""


def make_keymap(own: OwnKeys, app: type[App[None]]) -> dict[str, str]:
    """Return the keys by the ids of their bindings. Raises ConfigError for a name that no key has, and for a
    key that would do two things on one page.
    """
    if not any(own.values()):
        return {}
    keymap = {
        f"{place}.{name}": keys for place, names in own.items() for name, keys in names.items()
    }
    known = {binding.id for binding in named_bindings(app) if binding.id}
    for name in keymap:
        _require_known(name, known)
    for owners in _pages(app):
        _refuse_clash(owners, keymap)
    return keymap


def named_bindings(app: type[App[None]]) -> list[Binding]:
    """Return every binding that has a name, each once."""
    found = {
        one.id: one for owners in _pages(app) for owner in owners for one in bindings_of(owner)
    }
    return list(found.values())


def _pages(app: type[App[None]]) -> list[Sequence[type[DOMNode]]]:
    """Return for each page the classes whose keys hold there."""
    from tui.log.screen import LogPage
    from tui.queue.screen import QueuePage
    from tui.replicas.replica_list import ReplicaList
    from tui.replicas.screen import ReplicasScreen
    from tui.review.screen import ReviewPage
    from tui.settings.screen import SettingsPage
    from tui.specs.screen import SpecsScreen
    from tui.tokens.screen import TokensScreen

    pages = (SpecsScreen, QueuePage, LogPage, ReviewPage, SettingsPage)
    panels = ((TokensScreen,), (ReplicasScreen, ReplicaList))
    panes = ((pane, page, app) for page in pages for pane in page.panes())
    return [*((page, page.LIST, app) for page in pages), *panes, *panels]


def _require_known(name: str, known: Set[str]) -> None:
    if name not in known:
        place = name.partition(".")[0]
        names = sorted(one for one in known if one.startswith(f"{place}."))
        places = sorted({one.partition(".")[0] for one in known})
        raise ConfigError(
            f"keys.{name}: no key has that name",
            f"There are {', '.join(names)}."
            if names
            else f"Names begin with one of {', '.join(places)}.",
        )


def _refuse_clash(owners: Sequence[type[DOMNode]], keymap: Mapping[str, str]) -> None:
    # Two that share a key as shipped may share another: the widget with the focus takes it.
    shipped = _ids_by_key(owners, {})
    for key, names in _ids_by_key(owners, keymap).items():
        for changed in sorted(names & keymap.keys()):
            alike = {name for several in shipped.values() if changed in several for name in several}
            for other in sorted(names - alike - {changed}):
                raise ConfigError(
                    f"keys.{changed}: {key} is the key of {other} already",
                    f"Choose another key, or give {other} one, too: upsample config set keys.{other} KEY",
                )


def _ids_by_key(owners: Sequence[type[DOMNode]], keymap: Mapping[str, str]) -> dict[str, set[str]]:
    """Return what each key does in these classes."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for key, name in _keys_of(owners, keymap):
        ids[key].add(name)
    return ids


def _keys_of(
    owners: Sequence[type[DOMNode]], keymap: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each key that holds in these classes, in the long form, with the id of what it does."""
    for owner in owners:
        for binding in bindings_of(owner):
            name = binding.id or ""
            for key in keymap.get(name, binding.key).split(","):
                yield _long(key.strip()), name


def _long(key: str) -> str:
    """Return the name that Textual has for a key that is written as its character."""
    (normalized,) = App._normalize_keymap({"": key}).values()
    return normalized
