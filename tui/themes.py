"""The themes that the app offers by name; Textual's others are in its own list."""

from __future__ import annotations

from textual.theme import Theme

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#66d9ff",
    secondary="#ffffff",
    accent="#ffd700",
    warning="#ffd700",
    error="#ff8a80",
    success="#7dff7d",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    boost="#262626",
    dark=True,
    text_alpha=1.0,
    variables={
        # Nothing is dimmed away.
        "foreground-muted": "#d9d9d9",
        "foreground-disabled": "#a6a6a6",
        "text-muted": "#d9d9d9",
        "text-disabled": "#a6a6a6",
        "footer-description-foreground": "#ffffff",
        "footer-key-foreground": "#ffd700",
        "input-selection-background": "#ffd700 60%",
    },
)

DARK, LIGHT = "textual-dark", "textual-light"

OFFERED = {
    "dark": DARK,
    "light": LIGHT,
    "high contrast": HIGH_CONTRAST.name,
    "the terminal's own colours, dark": "ansi-dark",
    "the terminal's own colours, light": "ansi-light",
}
"""Themes by what they are called in the palette."""
