"""Hosts of the ssh config are offered, patterns are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.box.ssh_config.host_names import ssh_config_hosts


@pytest.fixture
def folder(own_home: Path) -> Path:
    folder = own_home / ".ssh"
    folder.mkdir()
    return folder


def test_hosts_are_listed_once_and_patterns_are_not(folder: Path) -> None:
    (folder / "config").write_text(
        "Host gpu-box h100 # the big ones\n  User ada\nhost=lab\nHost *.org !x gpu-box\nHost *\n"
    )
    assert ssh_config_hosts() == ["gpu-box", "h100", "lab"]


def test_included_files_count(folder: Path) -> None:
    (folder / "config").write_text("Include more.d/*\nHost last\n")
    (folder / "more.d").mkdir()
    (folder / "more.d" / "one").write_text("Host one\nInclude more.d/*\n")
    assert ssh_config_hosts() == ["one", "last"]


def test_without_a_config_nothing_is_offered(own_home: Path) -> None:
    assert ssh_config_hosts() == []


def test_a_damaged_config_offers_what_can_be_read(folder: Path) -> None:
    (folder / "config").write_bytes(b'Host "unclosed\n\xff\xfe\nHost fine\n')
    assert ssh_config_hosts() == ["fine"]
