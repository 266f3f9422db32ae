"""What is done about a host key: known, new, changed, revoked; and the file behind it."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from backend.box.ssh.host_keys import (
    KnownHosts,
    count_added,
    remove_added,
    settle_host_key,
)
from backend.errors import BoxUntrusted
from tests.support.askers import Person

KEY, OTHER = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))


def _public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key("openssh").decode().strip()


def _trusted(known: KnownHosts, pattern: str) -> bool:
    keys, *_ = known.load().match(pattern, "", None)
    return KEY.convert_to_public() in keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".ssh" / "known_hosts"


@pytest.fixture
def known(file: Path) -> KnownHosts:
    return KnownHosts((file,), file)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, errors="surrogateescape")


async def test_a_key_that_is_accepted_is_remembered_in_a_private_file(
    file: Path, known: KnownHosts
) -> None:
    person = Person(accepts=True)
    settled = await settle_host_key("gpu", 22, KEY.convert_to_public(), known, person)
    assert _trusted(settled, "gpu")
    assert _trusted(known, "gpu")
    assert _mode(file) == 0o600
    assert _mode(file.parent) == 0o700
    (question,) = person.questions
    assert (question.host, question.algorithm) == ("gpu", "ssh-ed25519")
    assert question.fingerprint == KEY.get_fingerprint("sha256")


def test_lines_that_were_added_are_found_again_and_removed_alone(
    file: Path, known: KnownHosts, tmp_path: Path
) -> None:
    users = f"gpu2 {_public(OTHER)} added-by-upsample-not\n# caf\u00e9 added by me\n\n"
    _write(file, users)
    file.chmod(0o640)
    for host in ("gpu", "gpu3"):
        known.remember(host, 22, KEY.convert_to_public())
    link = tmp_path / "link"
    link.symlink_to(file)
    assert count_added(link) == 2
    remove_added(link)
    assert (file.read_text(), _mode(file), count_added(file)) == (users, 0o640, 0)
    assert link.is_symlink()


def test_a_file_that_has_only_lines_that_were_added_goes(file: Path, known: KnownHosts) -> None:
    known.remember("gpu", 22, KEY.convert_to_public())
    remove_added(file)
    assert not file.exists()
    assert count_added(file) == 0


async def test_a_key_that_is_not_accepted_stops_and_leaves_no_trace(
    file: Path, known: KnownHosts
) -> None:
    with pytest.raises(BoxUntrusted, match="is not known: ssh-ed25519 SHA256:"):
        await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person())
    assert _lines(file) == []


async def test_a_changed_key_stops_without_a_question(file: Path, known: KnownHosts) -> None:
    _write(file, f"gpu {_public(OTHER)}\n")
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await settle_host_key("gpu", 22, KEY.convert_to_public(), known, person)
    assert person.questions == []


async def test_a_revoked_key_stops_without_a_question(file: Path, known: KnownHosts) -> None:
    _write(file, f"@revoked * {_public(KEY)}\n")
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="revoked"):
        await settle_host_key("gpu", 22, KEY.convert_to_public(), known, person)
    assert person.questions == []


async def test_a_revoked_key_counts_whatever_its_comment(file: Path, known: KnownHosts) -> None:
    _write(file, f"@revoked * {_public(KEY)} caf\udce9\n")
    with pytest.raises(BoxUntrusted, match="revoked"):
        await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))


async def test_a_host_whose_name_is_not_ascii_is_known_again(known: KnownHosts) -> None:
    key = KEY.convert_to_public()
    await settle_host_key("büro", 22, key, known, Person(accepts=True))
    assert known.keys_of("büro", 22) == [key]
    assert not known.keys_of("bxro", 22)


async def test_the_same_host_on_another_port_is_another_host(file: Path, known: KnownHosts) -> None:
    _write(file, f"gpu {_public(OTHER)}\n")
    person = Person(accepts=True)
    await settle_host_key("gpu", 2222, KEY.convert_to_public(), known, person)
    assert person.questions[0].host == "gpu:2222"
    assert _lines(file)[-1] == f"[gpu]:2222 {_public(KEY)} added-by-upsample"
    assert not _trusted(known, "gpu")


async def test_a_file_without_a_last_newline_keeps_its_last_line(
    file: Path, known: KnownHosts
) -> None:
    _write(file, f"other {_public(OTHER)}")
    await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))
    added = f"gpu {_public(KEY)} added-by-upsample"
    assert _lines(file) == [f"other {_public(OTHER)}", added]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"@nonsense gpu ssh-ed25519 AAAA\n"])
def test_a_file_that_cannot_be_understood_stops(
    file: Path, known: KnownHosts, content: bytes
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(BoxUntrusted, match=str(file)):
        known.load()


def test_a_file_that_cannot_be_read_stops(file: Path, known: KnownHosts) -> None:
    file.mkdir(parents=True)
    with pytest.raises(BoxUntrusted, match=f"cannot read {file}"):
        known.load()


async def test_a_file_that_forgets_does_not_undo_the_answer() -> None:
    known = KnownHosts((Path("/dev/null"),), Path("/dev/null"))
    settled = await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))
    assert _trusted(settled, "gpu")


async def test_a_file_that_cannot_be_written_does_not_undo_the_answer(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link-target" / "missing")
    known = KnownHosts((tmp_path / "link",), tmp_path / "link")
    settled = await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))
    assert _trusted(settled, "gpu")


async def test_without_a_file_of_ones_own_an_answer_holds_for_the_session() -> None:
    known = KnownHosts(())
    settled = await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))
    assert _trusted(settled, "gpu")


async def test_the_file_that_holds_the_former_key_is_named(tmp_path: Path, file: Path) -> None:
    _write(tmp_path / "global", f"gpu {_public(OTHER)}\n")
    known = KnownHosts((file, tmp_path / "global"), file)
    with pytest.raises(BoxUntrusted, match=f"{tmp_path / 'global'} holds another one"):
        await settle_host_key("gpu", 22, KEY.convert_to_public(), known, Person(accepts=True))


async def test_a_key_of_a_file_of_revoked_keys_stops_without_a_question(
    tmp_path: Path, file: Path
) -> None:
    _write(tmp_path / "revoked", f"# stolen\n{_public(KEY)}\n")
    known = KnownHosts((file,), file, (tmp_path / "revoked",))
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="was revoked"):
        await settle_host_key("gpu", 2222, KEY.convert_to_public(), known, person)
    assert person.questions == []


@pytest.mark.parametrize("content", [None, b"SSHKRL\n\0\0\0\0\1"])
def test_revoked_keys_that_cannot_be_read_stop(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "revoked").write_bytes(content)
    with pytest.raises(BoxUntrusted, match=str(tmp_path / "revoked")):
        KnownHosts((), None, (tmp_path / "revoked",)).load()
