"""The adapters of the file formats, one module each. `recognise` chooses one by the keys of an entry."""

from __future__ import annotations

from typing import Final

from backend.specs.adapter import Adapter
from backend.specs.entries import Entry, Layout
from backend.specs.formats import (
    cosmos3,
    pipeline_prompt,
    predict2,
    predict25,
    prompt_alone,
    prompt_spec,
    text,
    transfer1,
    transfer1_batch,
    transfer25,
    upsampler_batch,
)

# In each layout, the formats with the more specific keys come first.
ADAPTERS: Final[dict[Layout, tuple[Adapter, ...]]] = {
    Layout.OBJECT: (
        *(prompt_spec, cosmos3, predict25, transfer25, transfer1, transfer1_batch),
        *(predict2, upsampler_batch, prompt_alone, pipeline_prompt),
    ),
    Layout.MAPPING: (cosmos3, predict25, transfer25, prompt_alone),
    Layout.SAMPLES: (predict25,),
    Layout.ARRAY: (predict2, upsampler_batch, prompt_alone, pipeline_prompt),
    Layout.LINES: (
        *(cosmos3, predict25, transfer25, transfer1_batch, transfer1),
        *(predict2, upsampler_batch, prompt_alone, pipeline_prompt),
    ),
    Layout.PROSE: (text,),
}


def recognise(entry: Entry, layout: Layout) -> Adapter | None:
    """Return the adapter for an entry in a file of this layout: the first one that recognises it."""
    return next((adapter for adapter in ADAPTERS[layout] if adapter.recognises(entry)), None)
