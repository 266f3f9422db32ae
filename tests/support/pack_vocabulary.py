"""Makes the packed vocabulary of `backend.tokens.vocabulary` from the one that mistral-common ships.

python -m tests.support.pack_vocabulary
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from importlib import resources

from backend.tokens.vocabulary import PIXTRAL_VOCABULARY


def shipped_tekken() -> bytes:
    """The file of mistral-common."""
    return resources.files("mistral_common").joinpath("data", "tekken_240911.json").read_bytes()


def packed(tekken: bytes) -> bytes:
    """What the packed file of a tekken file holds, before it is compressed."""
    read = json.loads(tekken)
    config = read["config"]
    # The file lists more words than the model uses; the other ranks are control tokens.
    known = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranked = sorted(read["vocab"][:known], key=lambda word: int(word["rank"]))
    words = [b64decode(word["token_bytes"]) for word in ranked]
    head = json.dumps({"pattern": config["pattern"], "words": len(words)}).encode()
    return b"\n".join((head, bytes(map(len, words)))) + b"".join(words)


if __name__ == "__main__":
    # Without a time: equal words make an equal file.
    PIXTRAL_VOCABULARY.write_bytes(gzip.compress(packed(shipped_tekken()), mtime=0))
