"""The adapters of the file formats, one module each. `recognise` chooses one by the keys of an entry."""

from __future__ import annotations

from typing import Final

from backend.specs.adapter import Adapter
from backend.specs.entries import Contents, Layout
from backend.specs.formats import (
    predict2,
    prompt_spec,
    text,
    transfer1,
    transfer1_batch,
    transfer25,
    upsampler_batch,
)

# In each layout, the formats with the more specific keys come first.
ADAPTERS: Final[dict[Layout, tuple[Adapter, ...]]] = {
    Layout.OBJECT: (prompt_spec, transfer25, transfer1, predict2, upsampler_batch),
    Layout.ARRAY: (predict2, upsampler_batch),
    Layout.LINES: (transfer1_batch,),
    Layout.PROSE: (text,),
}


def recognise(contents: Contents) -> Adapter | None:
    """Return the adapter for a file: the first one that recognises one of its entries."""
    for adapter in ADAPTERS[contents.layout]:
        if any(adapter.recognises(entry) for entry in contents.entries):
            return adapter
    return None
