"""The engine that needs no model: it measures the frames and writes down what it measured.

    png      a PNG file as rows of pixels, in plain Python
    grid     those rows as a small picture that is cheap to measure
    colours  what a colour is called
    look     what is seen in the frames: light, colours, where the detail is
    motion   what happens between two frames: the camera, movement, cuts
    words    all of it as a paragraph around the user's prompt
    engine   the `Engine` that does this for a request

It knows no objects and no people, and says nothing that it did not measure.
"""

from __future__ import annotations

from remote.engines.sketch.engine import NOTICE, SketchEngine

__all__ = ["NOTICE", "SketchEngine"]
