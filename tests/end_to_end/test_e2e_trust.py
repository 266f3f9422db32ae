"""Who is let near the prompts: host keys and logins, by a real sshd."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.conftest import Here, StartSshd
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd, free_port, new_key


def test_an_unknown_host_key_stops_everything_until_it_is_accepted(
    laptop: Laptop, here: Here, sshd: Sshd, box_root: Path, one_spec: Path
) -> None:
    refused = here(one_spec)

    assert refused.code == 3
    assert sshd.fingerprint in refused.err
    assert f"--accept-host-key {sshd.fingerprint}" in refused.err
    assert not box_root.exists()
    assert laptop.states() == {"queued": 1}
    assert not laptop.known_hosts.exists()

    accepted = here(one_spec, "--accept-host-key", sshd.fingerprint)

    assert accepted.code == 0, accepted.err
    assert laptop.known_hosts.stat().st_mode & 0o777 == 0o600
    assert laptop.known_hosts.read_text().startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")

    again = here(one_spec, "--seed", "1", "--save-dir", "other")

    assert again.code == 0, again.err


def test_another_fingerprint_than_the_one_accepted_is_refused(
    laptop: Laptop, here: Here, sshd: Sshd, one_spec: Path
) -> None:
    ended = here(one_spec, "--accept-host-key", "SHA256:" + "A" * 43)

    assert ended.code == 3
    assert "is not known" in ended.err
    assert not laptop.known_hosts.exists()


def test_a_changed_host_key_stops_the_connection_whatever_is_accepted(
    laptop: Laptop, here: Here, sshd: Sshd, box_root: Path, tmp_path: Path, one_spec: Path
) -> None:
    laptop.trust(sshd.port, new_key(tmp_path / "former"))
    known = laptop.known_hosts.read_bytes()

    ended = here(one_spec, "--accept-host-key", sshd.fingerprint)

    assert ended.code == 3
    assert "CHANGED" in ended.err
    assert sshd.fingerprint in ended.err
    assert "ssh-keygen -R" in ended.err
    assert laptop.known_hosts.read_bytes() == known
    assert not box_root.exists()
    assert laptop.states() == {"queued": 1}


def test_a_key_that_the_box_does_not_know_is_a_refused_login(
    laptop: Laptop,
    here: Here,
    start_sshd: StartSshd,
    box_root: Path,
    tmp_path: Path,
    one_spec: Path,
) -> None:
    new_key(tmp_path / "somebody")
    server = start_sshd(authorized_key=tmp_path / "somebody.pub")
    laptop.trust(server.port, server.host_key)
    laptop.add_host("testbox", server.port)
    laptop.add_box("testbox", box_root)

    ended = here(one_spec)

    assert ended.code == 3
    assert "testbox refused the login" in ended.err
    assert "Traceback" not in ended.err
    assert laptop.states() == {"queued": 1}


def test_without_any_key_the_login_is_refused_readably(
    laptop: Laptop, here: Here, trusted: Sshd, one_spec: Path
) -> None:
    laptop.key.unlink()
    laptop.public_key.unlink()

    ended = here(one_spec)

    assert ended.code == 3
    assert "testbox refused the login" in ended.err
    assert "ssh-add" in ended.err


def test_a_box_that_does_not_listen_cannot_be_reached(
    laptop: Laptop, here: Here, box_root: Path, one_spec: Path
) -> None:
    laptop.add_host("testbox", free_port())
    laptop.add_box("testbox", box_root)

    ended = here(one_spec)

    assert ended.code == 3
    assert "testbox cannot be reached" in ended.err
    assert laptop.states() == {"queued": 1}
