"""Prompts in Parquet files, with pyarrow and without it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from backend.specs.model import BrokenSpec, Skipped, Spec
from backend.specs.reading import read_file
from backend.specs.render import Replacement, render
from backend.specs.tables import parquet_table

PROMPTS = ["a car", "dusk", None]


def write(file: Path, columns: dict[str, object], **options: object) -> Path:
    parquet.write_table(pa.table(columns), file, **options)
    return file


def problems(file: Path) -> list[str]:
    found = read_file(file, Path())
    return [
        each.problem if isinstance(each, BrokenSpec) else each.reason
        for each in found
        if not isinstance(each, Spec)
    ]


def test_rows_of_parquet_are_read(tmp_path: Path) -> None:
    columns = {
        "id": ["x", "y", "z"],
        "prompt": pa.array(PROMPTS).dictionary_encode(),
        "video": ["v.mp4", None, "/w.mp4"],
        "seconds": [1.5, 2.5, 3.5],
    }
    file = write(tmp_path / "t.parquet", columns, row_group_size=2)
    found = [each for each in read_file(file, Path()) if isinstance(each, Spec)]
    assert [(each.name, each.prompt, each.video, each.entry) for each in found] == [
        ("x", "a car", tmp_path / "v.mp4", 0),
        ("y", "dusk", None, 1),
        ("z", "", Path("/w.mp4"), 2),
    ]


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_a_result_has_one_more_column_and_the_others_as_they_were(
    tmp_path: Path, compression: str
) -> None:
    listed = json.dumps({"info": {"features": {"prompt": {"dtype": "string", "_type": "Value"}}}})
    before = pa.table(
        {"prompt": PROMPTS, "video": ["v.mp4"] * 3, "sizes": [[1, 2], None, []]}
    ).replace_schema_metadata({"huggingface": listed, "mine": "kept"})
    file = tmp_path / "t.parquet"
    parquet.write_table(before, file, row_group_size=2, compression=compression)
    new = {1: Replacement("a long dusk", "dusk")}
    (out,) = render(file, new, tmp_path / "t-out.parquet")
    result = parquet.ParquetFile(io.BytesIO(out.data))
    after = result.read()
    assert after.column("upsampled_prompt").to_pylist() == [None, "a long dusk", None]
    assert after.drop_columns("upsampled_prompt").equals(before)
    assert result.num_row_groups == 2
    assert result.metadata.row_group(0).column(0).compression == (
        "ZSTD" if compression == "zstd" else "UNCOMPRESSED"
    )
    assert after.schema.metadata[b"mine"] == b"kept"
    features = json.loads(after.schema.metadata[b"huggingface"])["info"]["features"]
    assert features.keys() == {"prompt", "upsampled_prompt"}
    (again,) = render(file, new, tmp_path / "t-out.parquet")
    assert again.data == out.data


def test_paths_of_a_parquet_lead_to_the_same_files_from_where_it_stands(tmp_path: Path) -> None:
    large, indexed = pa.large_string(), pa.dictionary(pa.int8(), pa.string())
    columns = {
        "prompt": PROMPTS,
        "video": pa.array(["a/v.mp4", None, "/w.mp4"], large),
        "mask_path": pa.array(["m.png", "m.png", None]).dictionary_encode().cast(indexed),
        "caption": ["a/v.mp4", "m.png", "/"],
    }
    file = write(tmp_path / "in.parquet", columns, row_group_size=2)
    (out,) = render(file, {1: Replacement("new", "dusk")}, tmp_path / "out" / "t.parquet")
    after = parquet.read_table(io.BytesIO(out.data))
    assert after.column("video").to_pylist() == ["../a/v.mp4", None, "/w.mp4"]
    assert after.column("mask_path").to_pylist() == ["../m.png", "../m.png", None]
    assert after.column("caption").to_pylist() == columns["caption"]
    assert [after.schema.field(name).type for name in ("video", "mask_path")] == [
        parquet.read_schema(file).field(name).type for name in ("video", "mask_path")
    ]


def test_the_troubles_of_parquet_are_told(tmp_path: Path) -> None:
    within = write(
        tmp_path / "a.parquet", {"text": ["a car"], "image": [{"bytes": b"x", "path": "a.png"}]}
    )
    assert "holds pictures or videos themselves" in problems(within)[0]
    number = write(tmp_path / "b.parquet", {"prompt": [1, 2]})
    assert problems(number) == ["no table of prompts: none of its columns holds text"]
    broken = tmp_path / "c.parquet"
    broken.write_bytes(b"PAR1" + b"x" * 100)
    assert problems(broken)[0].startswith("not read as Parquet: ")
    cut = tmp_path / "d.parquet"
    whole = write(tmp_path / "e.parquet", {"prompt": ["a car"] * 9}).read_bytes()
    cut.write_bytes(whole[:200] + b"\xff" * 40 + whole[240:])
    assert all(isinstance(each, BrokenSpec | Skipped | Spec) for each in read_file(cut, Path()))
    long = write(tmp_path / "f.parquet", {"prompt": ["x" * 5_000_000, "fine"]})
    assert problems(long) == ["the row is longer than 4 MiB"]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "t.parquet", {"prompt": PROMPTS})
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    assert problems(file) == [
        'Parquet needs pyarrow, which is not installed: pip install "cosmos-upsample[tables]"'
    ]


def test_texts_that_unpack_to_more_than_the_memory_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text of megabytes may be stored once for all rows that hold it."""
    monkeypatch.setattr(parquet_table, "_MOST_TEXT", 1 << 20)
    indices = pa.array([0] * 1_000, pa.int32())
    prompts = pa.DictionaryArray.from_arrays(indices, ["x" * (1 << 16)])
    file = write(tmp_path / "t.parquet", {"prompt": prompts}, compression="zstd")
    assert file.stat().st_size < 1 << 16
    found = read_file(file, Path())
    assert len(found) == 17
    assert problems(file) == ["its texts unpack to more than 1 MiB: split the table"]
