"""Counts text tokens with the tokenizer of the Mistral models (tekken).

mistral-common ships the vocabulary. Its own tokenizer class takes 3 s to import and load, mostly for features
that counting does not need. tiktoken, on which that class is built, loads the same vocabulary in 0.9 s and
gives the same tokens (a test compares them).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from backend.errors import ConfigError

if TYPE_CHECKING:
    from tiktoken import Encoding

LONGEST_PIECE = 100_000
"""The most characters that the tokenizer is given at once: a million spaces overflow its stack, which
ends the process."""

PIXTRAL_VOCABULARY = "tekken_240911.json"


class TextCounter:
    """Counts the text tokens of prompts. Safe to share between threads.

    The first count reads the vocabulary; other threads wait for it. Call `load` early from a worker thread
    to have it ready.
    """

    def __init__(self, vocabulary: Path | None = None) -> None:
        self._vocabulary = vocabulary
        """A tekken file; None for the one of Pixtral that mistral-common ships."""
        self._encoding: Encoding | None = None
        self._lock = Lock()

    def load(self) -> None:
        """Read the vocabulary unless it is loaded. Raises ConfigError when it cannot be read."""
        self._loaded()

    def count(self, text: str) -> int:
        """Count the tokens of the text alone, without `<s>`, `[INST]` and `[/INST]`. Raises ConfigError.

        Words that look like control tokens ("[INST]") count as plain text, because they are sent as such.
        A text longer than LONGEST_PIECE is counted in parts, which may give a few tokens more.
        """
        encoding = self._loaded()
        return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))

    def _loaded(self) -> Encoding:
        with self._lock:
            if self._encoding is None:
                self._encoding = _read_tekken(self._vocabulary or _shipped_vocabulary())
            return self._encoding


def _pieces(text: str) -> Iterator[str]:
    """Divide the text into parts of at most LONGEST_PIECE characters, cut at spaces, where tokens begin."""
    start = 0
    while len(text) - start > LONGEST_PIECE:
        space = text.rfind(" ", start + 1, start + LONGEST_PIECE)
        end = space if space > 0 else start + LONGEST_PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def _shipped_vocabulary() -> Path:
    # find_spec finds the package without importing it.
    spec = find_spec("mistral_common")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "mistral-common, which holds the tokenizer, is not installed.",
            "Reinstall upsample: pip install --force-reinstall cosmos-upsample",
        )
    return Path(spec.submodule_search_locations[0]) / "data" / PIXTRAL_VOCABULARY


@lru_cache(maxsize=2)  # all counters of a process share the vocabulary
def _read_tekken(file: Path) -> Encoding:
    from tiktoken import Encoding

    try:
        tekken = json.loads(file.read_bytes())
        config = tekken["config"]
        # The file lists more words than the model uses; the other ranks are control tokens.
        known = config["default_vocab_size"] - config["default_num_special_tokens"]
        ranks = {b64decode(word["token_bytes"]): word["rank"] for word in tekken["vocab"][:known]}
        return Encoding(
            file.stem, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"The tokenizer's vocabulary {file} cannot be read: {error}",
            "Reinstall mistral-common, or give the tekken.json of the model.",
        ) from error
