"""A plugin of pytest that calls a test by the same name whether or not xdist keeps it with its group.

With `--dist loadgroup` xdist calls a test of the group "vllm" `test_it[1]@vllm`. Under that name
`--last-failed`, which runs without xdist, would not find it, and would run every test there is instead.
"""

from __future__ import annotations

import re

import pytest

_GROUP = re.compile(r"@\w+$")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the group off the name, once the report has left the worker, which needs it."""
    if hasattr(report, "node"):  # xdist's controller sets it
        report.nodeid = _GROUP.sub("", report.nodeid)
