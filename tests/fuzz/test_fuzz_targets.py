"""What `make fuzz` looks for at length, looked for briefly: the seeds, and what hypothesis makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.scratch import scratch_folder
from fuzz.targets import NAMES, load_target
from remote.protocol import Decoder, Message

SEEDS = {name: sorted(load_target(name).seeds()) for name in NAMES}
briefly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module", autouse=True)
def no_scratch_left() -> Iterator[None]:
    """A worker of pytest ends without the exit handlers that remove the folders of the targets."""
    yield
    for name in NAMES:
        shutil.rmtree(scratch_folder(name))
    scratch_folder.cache_clear()


@pytest.fixture(autouse=True)
def no_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own settings play no part."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_keeps_the_promises(name: str) -> None:
    for seed in SEEDS[name]:
        load_target(name).check(seed)


def test_every_kind_of_message_is_a_seed() -> None:
    framed = [seed[1:] for seed in SEEDS["framing"] if seed.startswith(b"\0")]
    found = {message.type for seed in framed for message in Decoder().feed(seed)}
    assert found == {kind.type for kind in get_args(Message)}


@pytest.mark.parametrize("name", NAMES)
@briefly
@given(data=st.data())
def test_no_change_of_a_seed_breaks_a_promise(name: str, data: st.DataObject) -> None:
    load_target(name).check(data.draw(_changed(SEEDS[name])))


@st.composite
def _changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed of which parts were replaced, doubled, or taken from another one."""
    found = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(found)))
        end = draw(st.integers(begin, min(len(found), begin + 8)))
        part = draw(st.binary(max_size=4) | st.sampled_from([found[begin:end] * 2, *seeds]))
        found = found[:begin] + part + found[end:]
    return found
