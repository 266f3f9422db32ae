"""What holds for every test."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.leftovers import EXIT_STATUS, Leftovers, Session
from tests.support.litellm_proxy import LiteLLM, litellm_proxy

pytest_plugins = ["tests.support.plain_node_ids"]

# No deadline: a shared machine is slow now and then. In CI the examples are the same in every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


_session = pytest.StashKey[Session]()
_left = pytest.StashKey[Leftovers]()
_homes = itertools.count()


@pytest.hookimpl(trylast=True)  # after the plugin that knows the folder of the tests
def pytest_configure(config: pytest.Config) -> None:
    """Begin to mark what the tests start. The workers of xdist inherit the mark."""
    if not hasattr(config, "workerinput"):
        base = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        config.stash[_session] = Session(base)


@pytest.hookimpl(trylast=True)  # the workers of xdist have ended by then
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session if anything is left of it."""
    ours = session.config.stash.get(_session, None)
    if ours is not None and (left := ours.finish()):
        session.config.stash[_left] = left
        session.exitstatus = EXIT_STATUS


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what is left."""
    if left := config.stash.get(_left, None):
        terminalreporter.section("left on the machine", red=True)
        for line in left.lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLM]:
    """LiteLLM's proxy, which takes long to start. What it asks is for the test to start."""
    with litellm_proxy(tmp_path_factory.mktemp("litellm")) as proxy:
        yield proxy


# The garbage collector looks seldom, and not at what is imported: it took a third of the time of the tests
# of the app, each of which leaves some 200,000 objects behind. While tests are collected, it finds nothing.
gc.set_threshold(200_000, 5, 5)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from what is imported and collected."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: no test reads or writes the settings, keys or queue of a person."""
    # pytest's own numbering lists the folders of all earlier tests each time.
    home = tmp_path_factory.mktemp(f"home{next(_homes)}", numbered=False)
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("UPSAMPLE_", "XDG_", "SSH_")):
            monkeypatch.delenv(name)
    return home
