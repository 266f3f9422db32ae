"""What the rows of the lists are made of."""

from __future__ import annotations

Piece = tuple[str, str]
"""A text of a row, and the last part of its style's name, "mark" for "job-list--mark"."""
GUTTER = 3
"""Cells before the first column, where the mark stands; a click there marks the row."""
