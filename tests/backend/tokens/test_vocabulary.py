"""The packed vocabulary, against the one that mistral-common ships."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from backend.errors import ConfigError
from backend.tokens.vocabulary import PIXTRAL_VOCABULARY, read_vocabulary
from tests.support.pack_vocabulary import packed, shipped_tekken


def test_the_packed_vocabulary_has_the_words_of_mistral_common_and_nothing_else() -> None:
    assert gzip.decompress(PIXTRAL_VOCABULARY.read_bytes()) == packed(shipped_tekken())


def test_words_have_their_ranks_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "small.gz"
    file.write_bytes(gzip.compress(b'{"pattern": "x+", "words": 3}\n\x01\x02\x01abcd'))
    read = read_vocabulary(file)
    assert read.pattern == "x+"
    assert read.ranks == {b"a": 0, b"bc": 1, b"d": 2}


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"no gzip",
        gzip.compress(b"no json\n", mtime=0),
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b'{"pattern": "x", "words": 0}\n', mtime=0),
        gzip.compress(b'{"pattern": "x", "words": 3}\n\x01\x01', mtime=0),
        gzip.compress(b'{"pattern": "x", "words": 1}\n\x01a', mtime=0)[:-9],
    ],
    # The bytes have the time in them, and each worker of xdist must know a test by the same name.
    ids=["gone", "no gzip", "no json", "no head", "no words", "cut short", "no end"],
)
def test_a_vocabulary_that_cannot_be_read_is_explained(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "small.gz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"small\.gz") as caught:
        read_vocabulary(file)
    assert caught.value.remedy
