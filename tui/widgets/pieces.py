"""The pieces of text that the rows of lists consist of."""

from __future__ import annotations

Piece = tuple[str, str]
"""A text of a row, and the last part of the name of its style, "mark" for "job-list--mark"."""
GUTTER = 3
"""Cells before the first column, where the mark stands; a click there marks the row."""
