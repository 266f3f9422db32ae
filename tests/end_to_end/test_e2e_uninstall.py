"""`upsample uninstall` over a real sshd: afterwards nothing is left but the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.daemons import daemons_below
from tests.support.laptop import JsonObject, Laptop
from tests.support.sshd import Sshd, free_port

pytestmark = pytest.mark.campaign


def told(text: str) -> list[JsonObject]:
    return [json.loads(line) for line in text.splitlines()]


def below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*")}


def test_it_removes_what_is_here_and_on_the_box_and_names_a_box_that_is_away(
    laptop: Laptop, sshd: Sshd, box_root: Path, one_spec: Path
) -> None:
    before_home, before_work = below(laptop.home), below(laptop.cwd)
    users_line = "other.example ssh-ed25519 AAAA of-the-user\n"
    laptop.known_hosts.write_text(users_line)
    away = f'[boxes.away]\nhost = "127.0.0.1:{free_port()}"\nroot = "~/some place"\n'
    laptop.add_box("testbox", box_root, more=f"idle_timeout = 600\n{away}")
    laptop.configure(laptop.config.read_text().replace("idle_timeout = 2\n", ""))
    ended = laptop.batch(one_spec, "--accept-host-key", sshd.fingerprint)
    assert ended.returncode == 0, ended.stderr
    everything = (below(laptop.home), below(laptop.cwd), below(box_root))
    results = {file: file.read_bytes() for file in (laptop.cwd / "outputs").rglob("*.json")}
    assert daemons_below(box_root)

    dry = laptop.run("uninstall", "--dry-run", "--json")

    assert dry.returncode == 3
    assert (below(laptop.home), below(laptop.cwd), below(box_root)) == everything
    *would_go, unreached = told(dry.stdout)
    assert [one for one in would_go if one["outcome"] != "would go"] == []

    done = laptop.run("uninstall", "--yes", "--json")

    assert done.returncode == 3
    assert "outputs/ and the like stay" in done.stderr
    *removed, again_unreached, program = told(done.stdout)
    assert {one["outcome"] for one in removed} == {"removed"}
    # The daemon removes its socket itself.
    expected = {one["path"] for one in would_go if not one["path"].endswith(".sock")}
    assert {one["path"] for one in removed} == expected
    assert again_unreached == unreached
    assert unreached["where"] == "away"
    assert unreached["by_hand"].startswith("cd ~/'some place' && rm -rf runner-*.pyz* ")
    assert program["by_hand"].endswith("uninstall cosmos-upsample")
    assert not daemons_below(box_root)
    assert not box_root.exists()
    assert laptop.known_hosts.read_text() == users_line
    empty = {".config", ".cache", ".local", ".local/share", ".local/state"}
    ours = {".config/upsample", ".config/upsample/config.toml"}
    assert below(laptop.home) - empty == (before_home | {".ssh/known_hosts"}) - empty - ours
    assert {file: file.read_bytes() for file in results} == results
    stay = {one for one in below(laptop.cwd) if not one.startswith("outputs")}
    assert stay == {one for one in before_work | {one_spec.name} if not one.startswith("outputs")}
