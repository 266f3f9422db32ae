"""The engine that needs no model: it measures the frames and writes down what it measured.

    png         a PNG file as rows of pixels, in plain Python
    grid        those rows as a small picture that is cheap to measure
    colours     what a colour is called
    appearance  measures single frames: light, colours, where the detail is
    motion      measures the change between two frames: camera, movement, cuts
    align       finds the shift or zoom between two frames; `drift` finds which way things move
    measure     all measurements of a request's frames as one value
    terms       the word for a measured value; `phrases` holds the wordings
    paragraph   writes the paragraph around the user's prompt
    engine      the `Engine` that does this for a request

It knows no objects and no people, and says nothing that it did not measure.
"""

from __future__ import annotations

from remote.engines.sketch.engine import NOTICE, SketchEngine, describe_frames

__all__ = ["NOTICE", "SketchEngine", "describe_frames"]
