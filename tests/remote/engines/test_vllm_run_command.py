"""Short commands end within their bound."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest

from remote.engines.vllm.run_command import CommandResult, run_command
from tests.remote.engines.test_vllm_process import running
from tests.support.waiting import until


async def test_what_it_said_and_how_it_ended() -> None:
    code = "import os, sys; print('out'); print(os.environ['A'], file=sys.stderr); sys.exit(3)"
    assert await run_command([sys.executable, "-c", code], 60, {"A": "b"}) == CommandResult(
        3, "out\n", "b\n"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import os, time; os.fork(); time.sleep(60)",
        "import os, time; os.fork() and os._exit(0); time.sleep(60)",
    ],
    ids=["alone", "with a child", "the child alone"],
)
async def test_it_is_killed_when_it_takes_too_long(code: str) -> None:
    began = time.monotonic()
    ended = await run_command([sys.executable, "-c", code.replace("60", "20.5")], 0.5)
    assert ended.code == -signal.SIGKILL
    assert "did not end within" in ended.errors
    assert time.monotonic() - began < 15  # the sleepers are not waited for
    await until(lambda: not running(b"20.5"))
    assert time.monotonic() - began < 15


async def test_who_is_cancelled_leaves_nothing_running() -> None:
    asking = asyncio.create_task(
        run_command([sys.executable, "-c", "import os, time; os.fork(); time.sleep(61.75)"], 60)
    )
    await until(lambda: running(b"61.75"))
    await asyncio.sleep(0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not running(b"61.75"), 20)


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await run_command(["/nonexistent/docker"], 1)
