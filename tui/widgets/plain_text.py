"""A text that an app shows as it is."""

from __future__ import annotations

from textual.visual import VisualType
from textual.widgets import Static


class PlainText(Static):
    """Shows a text without reading markup in it. Its height follows the text that it was given last."""

    def __init__(
        self,
        content: VisualType = "",
        *,
        id: str | None = None,  # noqa: A002 - as every widget calls it
        classes: str | None = None,
    ) -> None:
        super().__init__(content, markup=False, id=id, classes=classes)

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show another text."""
        super().update(content, layout=layout)
        # Textual 8.2.8 keeps box models by the number of layouts that were asked for, and counts two as one
        # until the widget is idle. After a layout between the two, the second text keeps the first's height.
        self._box_model_cache.clear()
