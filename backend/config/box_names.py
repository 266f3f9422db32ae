"""What a box may be named, and how several are named together: "h100,a100", ["h100", "a100"], "all"."""

from __future__ import annotations

from backend.specs.quoting import quoted

ALL_BOXES = "all"
"""What names every box that has a host, where boxes are chosen; so no box has this name."""


def names_in(value: object) -> tuple[str, ...]:
    """Return the names of boxes in a value of the setting `box`, each once; none for a wrong value."""
    named = value.split(",") if isinstance(value, str) else value
    if not isinstance(named, list | tuple):
        return ()
    names = [name.strip() for name in named if isinstance(name, str)]
    return tuple(dict.fromkeys(names)) if all(names) and len(names) == len(named) else ()


def refuse_name(name: str) -> None:
    """Raise ValueError if a box cannot be named so."""
    # Names are shown on screens and in messages, so they must be printable.
    if not name.isprintable() or not name.strip():
        raise ValueError(f"a box cannot be named {quoted(name)}")
    if name == ALL_BOXES or "," in name:
        raise ValueError(
            f"a box cannot be named {quoted(name)}: `{ALL_BOXES}` and commas choose several boxes. "
            "Give it another name"
        )
