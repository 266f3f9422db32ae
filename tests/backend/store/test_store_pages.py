"""The rows of an SQLite file can be read without SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.store.pages import PAGE, Value, read_rows

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.builds(lambda text, times: text * times, texts, st.integers(1, 400))
    | st.binary(max_size=9000)
)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(values, values, values), min_size=1, max_size=20))
def test_every_row_is_read_as_it_was_written(rows: list[tuple[Value, Value, Value]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.db"
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE some (a, b, c)")
            db.executemany("INSERT INTO some VALUES (?, ?, ?)", rows)
            db.commit()
        found = {row.number: row.values for row in read_rows(path) if len(row.values) == 3}
    assert found == dict(enumerate(rows, 1))


@given(content=st.binary(max_size=2 * PAGE), head=st.sampled_from([b"", b"\x0d\0\0\0\x09"]))
def test_whatever_is_in_a_file_only_rows_come_out(content: bytes, head: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.db"
        path.write_bytes(b"\0" * PAGE + (head + content).ljust(PAGE, b"\x01"))
        for row in read_rows(path):
            assert isinstance(row.number, int)
