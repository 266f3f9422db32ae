"""Counts the tokens of clips: videos of a few frames that are sent whole, in place of their frames.

The rules are those of transformers' video processors for Qwen2.5-VL and Qwen3-VL, which vLLM calls. Each two
frames become one grid of cells; of an odd number, the last one counts twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backend.sizes import Size
from backend.tokens.vision_tokens import QWEN2_VL, SmartResizeRule, VisionRule

MOST_CLIP_FRAMES = 32
"""The most frames of a clip of which vLLM looks at each one, unless it is started with other limits."""

_PAIR = 2
_MARKS = 2
"""Tokens that mark the start and the end of a picture or a clip."""
_TIMESTAMP = 9
"""The most tokens of `<9999.9 seconds>`: one for each digit and sign, and one for the word."""


@dataclass(frozen=True, slots=True)
class ClipRule:
    """The rule by which a model family counts a clip of two frames or more."""

    frame: SmartResizeRule
    """The cells, and the least and the greatest area of each frame or of all frames together."""
    bounds_whole: bool = False
    """Whether these areas are those of all frames together."""
    around_pair: int = 0
    """Tokens beside the cells of each two frames."""
    is_estimated: bool = False
    """Whether `around_pair` is an upper estimate."""

    def resized(self, size: Size, frames: int) -> Size:
        """Return the size to which the model resizes each frame of a clip."""
        if not self.bounds_whole:
            return self.frame.resized(size)
        height, width, cell = size.height, size.width, self.frame.cell
        if min(height, width) < cell:
            scale = max(cell / height, cell / width)
            height, width = int(height * scale), int(width * scale)
        # As in SmartResizeRule, the order of the operations decides about a cell for some sizes.
        rows, columns = round(height / cell), round(width / cell)
        area = round(frames / _PAIR) * _PAIR * rows * columns * cell * cell
        if area > self.frame.greatest:
            shrink = math.sqrt((frames * height * width) / self.frame.greatest)
            rows = max(1, math.floor(height / shrink / cell))
            columns = max(1, math.floor(width / shrink / cell))
        elif area < self.frame.least:
            enlarge = math.sqrt(self.frame.least / (frames * height * width))
            rows = math.ceil(height * enlarge / cell)
            columns = math.ceil(width * enlarge / cell)
        return Size(columns * cell, rows * cell)

    def clip_tokens(self, size: Size, frames: int) -> int:
        """Tokens of one clip, with those that mark its start and end."""
        cells = self.resized(size, frames).area // self.frame.cell**2
        return -(-frames // _PAIR) * (cells + self.around_pair) + _MARKS

    def seen_size(self, size: Size, frames: int) -> Size:
        """Return an even size, as MP4 needs it, which is no larger than the model looks at."""
        seen = self.resized(size, frames)
        is_large = size.area * (frames if self.bounds_whole else 1) > self.frame.greatest
        return seen if is_large and seen.area < size.area else size.even


@dataclass(frozen=True, slots=True)
class ShownRule:
    """The rule for what one request shows where videos are sent as clips, and images as pictures."""

    clips: ClipRule
    stills: VisionRule
    shown: tuple[int, ...] = ()
    """How many frames are shown of each video or image; one alone is sent as a picture. Empty for one clip of
    all frames."""

    def vision_tokens(self, size: Size, frames: int) -> int:
        """Tokens that all clips and pictures of this size take together."""
        sent = size.even if self._has_clip else size
        return sum(
            self.clips.clip_tokens(sent, each) if each > 1 else self.stills.vision_tokens(sent, 1)
            for each in self.shown or (frames,)
        )

    @property
    def is_estimated(self) -> bool:
        """Whether the count is an upper estimate, however exactly the texts are counted."""
        return self.clips.is_estimated and self._has_clip

    def accepts(self, size: Size) -> bool:
        """Whether the shape is accepted as a picture and as a clip."""
        return self.stills.accepts(size)

    def seen_size(self, size: Size) -> Size:
        """Scale down to the largest size at which the model looks at one of the clips or pictures."""
        if not self._has_clip:
            return self.stills.seen_size(size)
        seen = [self.clips.seen_size(size, max(each, _PAIR)) for each in self.shown or (_PAIR,)]
        return max(seen, key=lambda each: each.area)

    @property
    def _has_clip(self) -> bool:
        return not self.shown or any(each > 1 for each in self.shown)


QWEN2_VL_CLIPS = ClipRule(QWEN2_VL)
"""Qwen2-VL and Qwen2.5-VL: each frame has the limits of a picture."""

QWEN3_VL_CLIPS = ClipRule(
    SmartResizeRule(cell=32, least=4096, greatest=25_165_824),
    bounds_whole=True,
    around_pair=_TIMESTAMP + _MARKS,
    is_estimated=True,
)
"""Qwen3-VL: the limits of its video_preprocessor_config.json. Each two frames have their time before them."""
