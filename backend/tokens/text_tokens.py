"""Counts text tokens with the tokenizer of the Mistral models (tekken).

tiktoken gives the same tokens as the tokenizer class of mistral-common, which is built on it (a test compares
them), and is ready in a twentieth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from backend.tokens.vocabulary import PIXTRAL_VOCABULARY, read_vocabulary

if TYPE_CHECKING:
    from tiktoken import Encoding

LONGEST_PIECE = 100_000
"""The most characters that the tokenizer is given at once: a million spaces overflow its stack, which
ends the process."""


class TextCounter:
    """Counts the text tokens of prompts. Safe to share between threads.

    The first count reads the vocabulary; other threads wait for it. Call `load` early from a worker thread
    to have it ready.
    """

    def __init__(self) -> None:
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
                self._encoding = _load_pixtral()
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


@lru_cache(maxsize=1)  # all counters of a process share the vocabulary
def _load_pixtral() -> Encoding:
    from tiktoken import Encoding  # late: only some commands count

    read = read_vocabulary(PIXTRAL_VOCABULARY)
    return Encoding(
        PIXTRAL_VOCABULARY.stem,
        pat_str=read.pattern,
        mergeable_ranks=read.ranks,
        special_tokens={},
    )
