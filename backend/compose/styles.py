"""Styles: words that are added to every prompt, such as "night, rain" or "as a charcoal drawing"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.compose.pattern import slug
from backend.errors import InputError
from backend.specs.quoting import quoted
from backend.specs.upsampled import is_json_object

ALL = "all"
"""What `--styles` takes in place of names, for every style of the config."""
PLAIN = "plain"
"""The name of the style that adds nothing."""
_PLACE = "{prompt}"


@dataclass(frozen=True, slots=True)
class Style:
    """A style with its name."""

    name: str
    words: str
    """What is added behind the prompt; or, with `{prompt}` in it, the text into which the prompt is put.
    Empty for PLAIN."""

    def of(self, prompt: str) -> str:
        """Return the prompt in this style. Raises InputError for a prompt that is a JSON object."""
        if not self.words:
            return prompt
        if is_json_object(prompt):
            raise InputError(
                f"the prompt {quoted(prompt)} is a JSON object, to which no style can be added",
                "Leave it out, or take the short prompt that it was made of.",
            )
        if _PLACE in self.words:
            return self.words.replace(_PLACE, prompt)
        return f"{prompt.rstrip(' .,;')}, {self.words}"


def named_styles(configured: Sequence[str] | Mapping[str, str]) -> tuple[Style, ...]:
    """Return the styles of the config. One that has no name of its own is named after its words."""
    if isinstance(configured, Mapping):
        return tuple(Style(name, words) for name, words in configured.items())
    return tuple(Style(slug(words, "style"), words) for words in configured)


def choose_styles(
    configured: Sequence[str] | Mapping[str, str], wanted: Sequence[str]
) -> tuple[Style, ...]:
    """Return the styles with these names, in this order; those of the config for ALL. Raises InputError.

    A name may be the style's words, too.
    """
    known = named_styles(configured)
    by_name = {PLAIN: Style(PLAIN, "")}
    by_name |= {style.words: style for style in known} | {style.name: style for style in known}
    chosen: dict[str, Style] = {}
    for name in wanted:
        found = known if name == ALL else (by_name.get(name),)
        if not found or found[0] is None:
            raise _unknown(name, known)
        chosen |= {style.name: style for style in found if style is not None}
    return tuple(chosen.values())


def _unknown(name: str, known: Sequence[Style]) -> InputError:
    if not known:
        return InputError(
            f"there is no style {quoted(name)}: the config has none",
            'Add some: upsample config set compose.styles \'["night, rain", "golden hour"]\'',
        )
    names = ", ".join((*(style.name for style in known), PLAIN))
    return InputError(f"there is no style {quoted(name)}", f"There are: {names}; or {ALL}.")
