"""The clips that `upsample demo` and the specs in examples/ use, as ffmpeg filters."""

from __future__ import annotations

from backend.video.clips import Clip

# A harbour at dusk: cranes of many sizes before a warm sky, the camera panning slowly to the right.
_CRANES = (
    (60, 300, 40, 420), (190, 420, 130, 300), (400, 240, 24, 480), (470, 500, 260, 220),
    (800, 340, 60, 380), (910, 150, 30, 570), (990, 460, 180, 260), (1240, 280, 90, 440),
    (1380, 530, 220, 190), (1650, 200, 36, 520), (1710, 390, 120, 330),
)  # fmt: skip
_HARBOUR = (
    "gradients=s=16x90:c0=0x243b55:c1=0xf2a65a:x0=0:y0=0:x1=0:y1=89:nb_colors=2:speed=0.00001:r=24,"
    "scale=1920:720,"
    + "".join(f"drawbox={x}:{y}:{w}:{h}:0x1b1b2f:fill," for x, y, w, h in _CRANES)
    + "crop=1280:720:x='n*5':y=0"
)
# A forklift in a hall: a yellow block that crosses a gray room from left to right.
_FORKLIFT = (
    "color=c=0x8a8f94:s=960x544:r=24[hall];color=c=0xf4c20d:s=180x140:r=24[lift];"
    "[hall]drawgrid=w=96:h=136:t=3:c=0x5c6064[racks];[racks][lift]overlay=x='40+n*9':y=330"
)
_FORKLIFT_SEGMENTS = (
    "color=c=0x2040a0:s=960x544:r=24[hall];color=c=0x30ff30:s=180x140:r=24[lift];"
    "[hall][lift]overlay=x='40+n*9':y=330"
)
# A street: many small bright shapes that flicker and drift at night.
_STREET = "life=s=320x240:mold=12:r=12:ratio=0.14:death_color=0x202b66:life_color=0xffd27f:stitch=1:seed=7,"
_STREET += "scale=640:480:flags=neighbor"

_STILL = (
    "gradients=s=16x90:c0=0xffe5b4:c1=0x7b3f00:x0=0:y0=0:x1=0:y1=89:nb_colors=2,"
    "scale=960:720,drawbox=300:300:360:260:0xb5651d:fill"
)

CLIPS = (
    Clip("harbour.mp4", _HARBOUR),
    Clip("forklift.mp4", _FORKLIFT),
    Clip("street.mp4", _STREET),
)
EXAMPLE_CLIPS = (
    *CLIPS,
    Clip("harbour_depth.mp4", f"{_HARBOUR},format=gray,negate"),
    Clip("forklift_seg.mp4", _FORKLIFT_SEGMENTS),
    Clip("still.png", _STILL, seconds=0),
)
