"""A safetensors file that is not whole is told from one that is, without reading its tensors."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote.checks.safetensors import Incomplete, check_whole
from tests.support.safetensors_files import cut_in_half, write_safetensors


def test_a_whole_file_tells_its_size(tmp_path: Path) -> None:
    file = write_safetensors(tmp_path / "model.safetensors")
    assert check_whole(file) == file.stat().st_size


def test_a_half_copied_file_is_told_with_both_sizes(tmp_path: Path) -> None:
    file = write_safetensors(tmp_path / "model.safetensors", size=5000)
    whole = file.stat().st_size
    cut_in_half(file)
    with pytest.raises(Incomplete, match=rf"has {file.stat().st_size:,} of {whole:,} bytes"):
        check_whole(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_wherever_a_copy_broke_off_it_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    whole = write_safetensors(tmp_path / "model.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Incomplete):
        check_whole(cut)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_whatever_else_lies_there_is_no_crash(tmp_path: Path, data: bytes, framed: bool) -> None:
    file = tmp_path / "any.safetensors"
    file.write_bytes(len(data).to_bytes(8, "little") + data if framed else data)
    with contextlib.suppress(Incomplete):
        assert check_whole(file) == file.stat().st_size


def test_a_git_lfs_pointer_is_called_one(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 25e9\n")
    with pytest.raises(Incomplete, match="Git LFS pointer"):
        check_whole(file)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(Incomplete, match="is empty"):
        check_whole(file)
