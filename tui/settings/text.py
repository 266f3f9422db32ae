"""The texts of the settings page about a setting or a box."""

from __future__ import annotations

from textual.content import Content

from backend.config import BoxSettings, Origin
from backend.config.survey import SettingEntry, ValueKind
from backend.events import LinkState
from tui.settings.rows import DEFAULTS, BoxGroup, shown_value, why_not_here
from tui.state.live import LiveBox
from tui.text import CHOSEN, MUTED, one_line, paragraphs
from tui.widgets.own_keys import key_of
from tui.widgets.status_text import engine_text, link_text

_DEFAULTS_HELP = "What every box has unless its own settings say otherwise."


def describe_setting(entry: SettingEntry) -> Content:
    """Describe a setting: its purpose, the values it may have, and the origin of its value."""
    name = Content.styled(one_line(entry.name), "bold")
    lines = [Content.assemble(name, "  ", _value(entry)), Content()]
    if entry.kind is ValueKind.CHOICE:
        lines += [Content("  ").join(_choice(choice, entry) for choice in entry.choices), Content()]
    lines += [Content(one_line(entry.help)), Content(), _origin(entry)]
    why = why_not_here(entry.name, entry.source)
    lines.append(
        Content.styled(f"▲ {one_line(why)}", "$text-warning") if why else _muted(_hint(entry.kind))
    )
    return Content("\n").join(lines)


def describe_group(group: BoxGroup, live: LiveBox | None) -> Content:
    """Describe a box: its settings, the state of its link, and the keys that act on it."""
    if group.box is None:
        lines = [Content.styled(DEFAULTS, "bold"), Content(), Content(_DEFAULTS_HELP)]
        return Content("\n").join(
            [*lines, Content(), _muted(f"{key_of('settings.unfold')} shows them.")]
        )
    lines = [Content.styled(one_line(group.name), "bold"), Content(), *_facts(group.box, live)]
    lines += [Content(), _muted("This box is used when none is named.")] if group.chosen else []
    keys = [] if group.chosen else [(key_of("settings.edit"), "use this box")]
    keys += [
        (key_of("settings.unfold"), "show its settings"),
        (key_of("settings.doctor"), "look at everything that a batch needs there"),
        (key_of("settings.doctor-and-start-the-model"), "look at it, and start the model there"),
        (key_of("settings.reach"), "reach it now"),
        (key_of("settings.remove"), "remove it"),
    ]
    lines.append(Content())
    lines += [Content.assemble((f"{key:<7}", "bold $primary"), what) for key, what in keys]
    return Content("\n").join(lines)


def host_text(box: BoxSettings) -> str:
    """Return the host of a box in words."""
    return one_line(box.host) if box.host else "this machine"


def _facts(box: BoxSettings, live: LiveBox | None) -> list[Content]:
    facts = [("host", host_text(box)), ("engine", engine_text(box))]
    lines = [Content.assemble((f"{label:<9}", MUTED), value) for label, value in facts]
    if live is not None and live.link is not None:
        lines.append(Content.assemble((f"{'link':<9}", MUTED), link_text(live.link)))
        if live.detail and live.link is not LinkState.LIVE:
            lines += [Content(), Content(paragraphs(live.detail))]
    return lines


def _value(entry: SettingEntry) -> Content:
    if entry.kind is ValueKind.CHOICE:
        return Content()
    if "\n" in entry.text:
        return Content("\n").join([Content(), Content(paragraphs(entry.text))])
    return Content(one_line(shown_value(entry)))


def _choice(choice: str, entry: SettingEntry) -> Content:
    if choice == entry.value:
        return Content.styled(f"{CHOSEN} {one_line(choice)}", "bold $primary")
    return Content(f"  {one_line(choice)}")


def _origin(entry: SettingEntry) -> Content:
    # The page's title has the path of the user's own file.
    own = entry.source.origin is Origin.USER
    told = f"from {'your file' if own else one_line(entry.source.name)}"
    if entry.source.key != entry.key:
        told += f", as {one_line(entry.source.key)}"
    return _muted(told)


def _hint(kind: ValueKind) -> str:
    match kind:
        case ValueKind.FLAG:
            return f"{key_of('settings.change')} changes it."
        case ValueKind.CHOICE:
            return f"{key_of('settings.change')} goes to the next one."
        case ValueKind.TOML:
            return f"{key_of('settings.edit')} edits it, as TOML."
        case _:
            return f"{key_of('settings.edit')} edits it."


def _muted(text: str) -> Content:
    return Content.styled(text, MUTED)
