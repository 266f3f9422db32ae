"""Chooses the format in which the frames of a job are sent, by the settings and by what reads them."""

from __future__ import annotations

from backend.config import BoxSettings, EngineName, Upsampling
from backend.video.packing import FrameFormat
from remote.protocol import NEWEST_PROTOCOL

WEBP_SINCE = 7
"""The protocol from which on a box tells its model server a picture's format. An older one is sent PNG."""


def sent_format(
    wanted: FrameFormat, engine: str, *, is_near: bool, protocol: int = NEWEST_PROTOCOL
) -> FrameFormat:
    """Return PNG, WEBP or JPEG. `is_near` says that the box is this machine, where bytes cost nothing.

    vLLM reads pictures with Pillow, which knows WebP. Of what runs behind `openai`, llama.cpp, LM Studio and
    older Ollama do not, and some answer without the picture. `sketch`, which looks at
    frames for `llama`, too, reads PNG alone.
    """
    if engine in (EngineName.SKETCH, EngineName.LLAMA) or protocol < WEBP_SINCE:
        return FrameFormat.PNG
    if wanted is not FrameFormat.AUTO:
        return wanted
    return FrameFormat.WEBP if engine == EngineName.VLLM and not is_near else FrameFormat.PNG


def planned_format(settings: Upsampling, box: BoxSettings) -> FrameFormat:
    """Return the format in which a box of this version is sent frames."""
    return sent_format(settings.frame_format, box.engine, is_near=not box.host)
