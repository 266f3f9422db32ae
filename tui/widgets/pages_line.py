"""The pages and their keys, as the status bar names them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.style import Style


def pages_line(current: str, pages: Sequence[str], *, slim: bool = False) -> Content:
    """Return the pages and their keys; with `slim`, only the current page has a name. A click on a page goes
    there.
    """
    names = [
        str(number) if slim and page != current else f"{number} {page}"
        for number, page in enumerate(pages, start=1)
    ]
    return Content("  ").join(
        Content.styled(name, "bold $primary")
        if page == current
        else Content.styled(name, Style.from_meta({"@click": f"app.page('{page}')"}))
        for page, name in zip(pages, names, strict=True)
    )
