"""Which host keys of a real sshd are good enough: names, addresses, ports, hashes, kinds, authorities."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from backend.box.ssh.connecting import connect
from backend.errors import BoxUntrusted
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import LOOPBACK, Sshd, known_hosts_line, new_key


async def _reaches(host: str, person: Person) -> str:
    async with connect(host, person) as connection:
        ran = await connection.run("echo here", check=True, timeout=30)
        return str(ran.stdout).strip()


def _keygen(*arguments: str | Path) -> None:
    program = shutil.which("ssh-keygen") or "ssh-keygen"
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


@pytest.mark.parametrize("option", ["StrictHostKeyChecking no", "StrictHostKeyChecking accept-new"])
async def test_a_lax_ssh_config_does_not_let_an_unknown_host_in(
    start_sshd: StartSshd, laptop: Laptop, option: str
) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more=option)
    with pytest.raises(BoxUntrusted, match="is not known"):
        await _reaches("testbox", Person())
    assert not laptop.known_hosts.exists()


async def test_a_host_of_a_hashed_file_is_known(sshd: Sshd, laptop: Laptop) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    _keygen("-H", "-f", laptop.known_hosts)
    assert LOOPBACK not in laptop.known_hosts.read_text()
    assert await _reaches("testbox", Person()) == "here"


async def test_a_changed_key_of_a_hashed_file_stops_the_connection(
    sshd: Sshd, laptop: Laptop, tmp_path: Path
) -> None:
    laptop.trust(sshd.port, new_key(tmp_path / "former"))
    _keygen("-H", "-f", laptop.known_hosts)
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches("testbox", person)
    assert person.questions == []


async def test_a_key_known_for_the_address_is_not_good_for_another_name(
    sshd: Sshd, laptop: Laptop, tmp_path: Path
) -> None:
    """Else whoever answers for the name in DNS needs only one known machine of his own."""
    laptop.trust(sshd.port, sshd.host_key)
    former = known_hosts_line(sshd.port, new_key(tmp_path / "former"), "localhost")
    laptop.known_hosts.write_text(laptop.known_hosts.read_text() + former)
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches(f"localhost:{sshd.port}", person)
    assert person.questions == []


async def test_a_key_known_for_another_port_is_unknown_here(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    server, other = start_sshd(), start_sshd()
    laptop.add_host("testbox", server.port)
    laptop.trust(other.port, server.host_key)
    with pytest.raises(BoxUntrusted, match="is not known"):
        await _reaches("testbox", Person())


async def test_the_kind_of_key_that_is_known_is_the_one_asked_for(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    _keygen("-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "ecdsa")
    server = start_sshd(options=[f"HostKey {tmp_path / 'ecdsa'}"])
    laptop.add_host("testbox", server.port)
    laptop.trust(server.port, asyncssh.read_private_key(tmp_path / "ecdsa"))
    person = Person()
    assert await _reaches("testbox", person) == "here"
    assert person.questions == []


async def test_one_changed_key_stops_the_connection_though_another_kind_is_unchanged(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    _keygen("-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "ecdsa")
    server = start_sshd(options=[f"HostKey {tmp_path / 'ecdsa'}"])
    laptop.add_host("testbox", server.port)
    laptop.trust(server.port, new_key(tmp_path / "former"))
    laptop.trust(server.port, asyncssh.read_private_key(tmp_path / "ecdsa"))
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches("testbox", person)
    assert person.questions == []


# --- certificates ---------------------------------------------------------------------------------


@pytest.fixture
def certified(start_sshd: StartSshd, laptop: Laptop, tmp_path: Path) -> Callable[..., Sshd]:
    """Starts the Host testbox with a certificate of the authority in tmp_path/authority."""

    def start(principal: str = LOOPBACK) -> Sshd:
        key, authority = new_key(tmp_path / "certified"), tmp_path / "authority"
        new_key(authority)
        public = tmp_path / "certified.pub"
        _keygen("-s", authority, "-I", "box", "-h", "-n", principal, public)
        server = start_sshd(
            host_key=key, options=[f"HostCertificate {tmp_path / 'certified-cert.pub'}"]
        )
        laptop.add_host("testbox", server.port)
        return server

    return start


def _vouch(laptop: Laptop, authority: Path, marker: str = "@cert-authority") -> None:
    public = authority.with_name(authority.name + ".pub").read_text()
    with laptop.known_hosts.open("a") as file:
        file.write(f"{marker} * {public}")


async def test_a_certificate_of_a_known_authority_is_enough(
    certified: Callable[..., Sshd], laptop: Laptop, tmp_path: Path
) -> None:
    certified()
    _vouch(laptop, tmp_path / "authority")
    person = Person()
    assert await _reaches("testbox", person) == "here"
    assert person.questions == []


async def test_a_certificate_for_another_host_stops_the_connection(
    certified: Callable[..., Sshd], laptop: Laptop, tmp_path: Path
) -> None:
    certified("somewhere.else")
    _vouch(laptop, tmp_path / "authority")
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="principal"):
        await _reaches("testbox", person)
    assert person.questions == []


async def test_a_certificate_of_a_revoked_authority_stops_the_connection(
    certified: Callable[..., Sshd], laptop: Laptop, tmp_path: Path
) -> None:
    certified()
    _vouch(laptop, tmp_path / "authority")
    _vouch(laptop, tmp_path / "authority", "@revoked")
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="revoked"):
        await _reaches("testbox", person)
    assert person.questions == []


async def test_a_certificate_of_an_unknown_authority_is_an_unknown_key(
    certified: Callable[..., Sshd], laptop: Laptop
) -> None:
    server = certified()
    with pytest.raises(BoxUntrusted, match="is not known"):
        await _reaches("testbox", Person())
    person = Person(accepts=True)
    assert await _reaches("testbox", person) == "here"
    assert [question.fingerprint for question in person.questions] == [server.fingerprint]
    assert await _reaches("testbox", Person()) == "here"


async def test_a_host_without_a_certificate_is_asked_about_though_there_is_an_authority(
    sshd: Sshd, laptop: Laptop, tmp_path: Path
) -> None:
    new_key(tmp_path / "authority")
    _vouch(laptop, tmp_path / "authority")
    with pytest.raises(BoxUntrusted, match="is not known"):
        await _reaches("testbox", Person())
    assert await _reaches("testbox", Person(accepts=True)) == "here"
