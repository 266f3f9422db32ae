"""Connections to real sshds, as the user's ssh config describes them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncssh
import pytest

from backend.box.ssh.connecting import connect
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import LOOPBACK, USER, Sshd, free_port, new_key

_PASSPHRASE = "open sesame"  # noqa: S105


async def _reaches(host: str, person: Person) -> str:
    async with connect(host, person) as connection:
        ran = await connection.run("echo here", check=True, timeout=30)
        return str(ran.stdout).strip()


async def test_a_known_host_is_reached_without_a_question(sshd: Sshd, laptop: Laptop) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    person = Person()
    assert await _reaches("testbox", person) == "here"
    assert (person.questions, person.prompts) == ([], [])


async def test_a_port_beside_the_name_is_heeded(sshd: Sshd, laptop: Laptop) -> None:
    laptop.add_host(LOOPBACK, 1)
    laptop.trust(sshd.port, sshd.host_key)
    assert await _reaches(f"{USER}@{LOOPBACK}:{sshd.port}", Person()) == "here"


@pytest.mark.parametrize(
    ("more", "cipher"), [("", "aes256-gcm@openssh.com"), ("Ciphers aes128-ctr", "aes128-ctr")]
)
async def test_the_cipher_is_a_fast_one_unless_the_config_names_others(
    start_sshd: StartSshd, laptop: Laptop, more: str, cipher: str
) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more=more)
    laptop.trust(server.port, server.host_key)
    async with connect("testbox", Person()) as connection:
        assert connection.get_extra_info("send_cipher") == cipher


@pytest.mark.parametrize("files", ["none", "/dev/null"])
async def test_no_known_hosts_file_does_not_switch_the_check_off(
    start_sshd: StartSshd, laptop: Laptop, files: str
) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more=f"UserKnownHostsFile {files}")
    with pytest.raises(BoxUntrusted):
        await _reaches("testbox", Person())
    person = Person(accepts=True)
    assert await _reaches("testbox", person) == "here"
    assert person.questions[0].fingerprint == server.fingerprint
    assert person.questions[0].host == f"{LOOPBACK}:{server.port}"


async def test_the_configured_known_hosts_file_is_the_one_that_holds(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more="UserKnownHostsFile ~/mine")
    assert await _reaches("testbox", Person(accepts=True)) == "here"
    assert (laptop.home / "mine").exists()
    assert not laptop.known_hosts.exists()
    assert await _reaches("testbox", Person()) == "here"


async def test_a_changed_key_of_an_alias_stops_the_connection(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more="HostKeyAlias lab")
    former = new_key(tmp_path / "former").export_public_key().decode()
    laptop.known_hosts.write_text(f"lab {former}")
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches("testbox", Person(accepts=True))


async def test_a_host_key_of_another_kind_than_the_known_one_stops_the_connection(
    sshd: Sshd, laptop: Laptop
) -> None:
    laptop.trust(sshd.port, asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches("testbox", person)
    assert person.questions == []


async def test_a_revoked_host_key_stops_the_connection(sshd: Sshd, laptop: Laptop) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    key = sshd.host_key.export_public_key().decode()
    with laptop.known_hosts.open("a") as file:
        file.write(f"@revoked * {key}")
    with pytest.raises(BoxUntrusted, match="revoked"):
        await _reaches("testbox", Person(accepts=True))


async def test_a_broken_ssh_config_is_named(laptop: Laptop) -> None:
    (laptop.home / ".ssh" / "config").write_text("Host testbox\n  Port many\n")
    with pytest.raises(BoxUnreachable, match="ssh config"):
        await _reaches("testbox", Person())


async def test_an_encrypted_key_is_opened_with_the_passphrase(sshd: Sshd, laptop: Laptop) -> None:
    # PKCS #8, because asyncssh reads OpenSSH's own encryption only where bcrypt is installed.
    laptop.trust(sshd.port, sshd.host_key)
    key = asyncssh.read_private_key(laptop.key)
    key.write_private_key(laptop.key, "pkcs8-pem", _PASSPHRASE)
    person = Person(password=_PASSPHRASE)
    assert await _reaches("testbox", person) == "here"
    assert len(person.prompts) == 1
    assert str(laptop.key) in person.prompts[0]


class _SlowPerson(Person):
    """Thinks about a passphrase for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked = asyncio.Event()
        self.is_rid_of_it = asyncio.Event()

    async def secret(self, prompt: str) -> str | None:
        self.was_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_rid_of_it.set()
        return None


@pytest.mark.parametrize("has_public_half", [False, True])
async def test_a_question_ends_with_the_login_that_asked_it(
    sshd: Sshd, laptop: Laptop, has_public_half: bool
) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    key = asyncssh.read_private_key(laptop.key)
    key.write_private_key(laptop.key, "pkcs8-pem", _PASSPHRASE)
    laptop.public_key.unlink(missing_ok=True)
    if has_public_half:
        key.write_public_key(laptop.public_key)
    person = _SlowPerson()
    login = asyncio.create_task(_reaches("testbox", person))
    async with asyncio.timeout(30):
        await person.was_asked.wait()
        login.cancel()
        await asyncio.wait([login])
        await person.is_rid_of_it.wait()
    assert login.cancelled()


# --- passwords ------------------------------------------------------------------------------------


class _PasswordServer(asyncssh.SSHServer):
    """Stands in for sshd, which would need PAM to know a password."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "right"  # noqa: S105


async def _echo(process: asyncssh.SSHServerProcess[str]) -> None:
    process.stdout.write("here\n")
    process.exit(0)


async def _with_password(laptop: Laptop, person: Person) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        LOOPBACK, 0, server_factory=_PasswordServer, server_host_keys=[key],
        process_factory=_echo, config=None,
    )  # fmt: skip
    laptop.add_host("testbox", server.get_port())
    laptop.trust(server.get_port(), key)
    try:
        return await _reaches("testbox", person)
    finally:
        server.close()
        await server.wait_closed()


async def test_the_right_password_opens_the_box(laptop: Laptop) -> None:
    person = Person(password="right")  # noqa: S106
    assert await _with_password(laptop, person) == "here"
    assert person.prompts == [f"({USER}@testbox) Password:"]


@pytest.mark.parametrize("password", ["wrong", None])
async def test_a_wrong_password_is_a_refused_login_after_some_tries(
    laptop: Laptop, password: str | None
) -> None:
    person = Person(password=password)
    with pytest.raises(BoxRefusedLogin, match="testbox refused the login"):
        await _with_password(laptop, person)
    assert 1 <= len(person.prompts) <= 6


@pytest.mark.parametrize("host", [LOOPBACK, "localhost"])
async def test_a_port_where_nobody_listens_is_told_with_the_form_that_names_another(
    host: str, laptop: Laptop
) -> None:
    port = free_port()
    with pytest.raises(BoxUnreachable) as raised:
        await _reaches(f"{USER}@{host}:{port}", Person())
    assert raised.value.problem == f"{host} cannot be reached: nobody listens at port {port} there"
    assert f"Write the port behind the host: {host}:PORT" in raised.value.remedy


async def test_a_refused_login_says_what_was_tried_and_how_to_see_more(laptop: Laptop) -> None:
    with pytest.raises(BoxRefusedLogin) as refused:
        await _with_password(laptop, Person(password="wrong"))  # noqa: S106
    told = str(refused.value)
    assert f"testbox refused the login of {USER} at port " in told
    assert re.search(rf"See what this says: ssh -p \d+ {USER}@127\.0\.0\.1", told)
    assert "Host testbox\n      HostName 127.0.0.1\n      Port " in told
    assert f"      User {USER}\n      IdentityFile" in told
