"""Logins to a real sshd by configs that OpenSSH's client takes, and keys that it passes over."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest

from backend.box.ssh.connecting import connect
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import LOOPBACK, USER, Sshd, new_key

_PUTTY_KEY = b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n"
_RELAY = """#!/bin/sh
exec {python} -c '
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def send():
    while data := os.read(0, 65536):
        there.sendall(data)
threading.Thread(target=send, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
' "$@"
"""


async def _reaches(host: str, person: Person) -> str:
    async with connect(host, person) as connection:
        ran = await connection.run("echo here", check=True, timeout=30)
        return str(ran.stdout).strip()


async def test_configs_that_ssh_takes_lead_to_the_box(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    server = start_sshd()
    home = laptop.home / ".ssh"
    key = f"Port {server.port}\nIdentityFile {laptop.key}\n"
    known = f"[{LOOPBACK}]:{server.port} {server.host_key.export_public_key().decode()}"
    (home / "kh.d").mkdir()
    (home / "kh.d" / "gpu.example").write_text(known.replace(known.split()[0], "gpu.example"))
    _make_program(home / "relay")
    (home / "putty.ppk").write_bytes(_PUTTY_KEY)
    configs = {
        "a command for interactive logins": "RemoteCommand bash -l\nRequestTTY force\n",
        "known hosts by the alias": "HostKeyAlias gpu.example\nUserKnownHostsFile ~/.ssh/kh.d/%k\n",
        "a command in the home": "ProxyCommand ~/.ssh/relay %h %p 2>/dev/null\n",
        "keys that cannot be read": "IdentityFile ~/.ssh/putty.ppk\nIdentityFile ~/.ssh/none\n",
        "a certificate that is missing": "CertificateFile ~/.ssh/none-cert.pub\n",
        "PKCS#11": "PKCS11Provider /usr/lib/none.so\n",
        "unbound keys": "PubkeyAuthentication unbound\nPreferredAuthentications publickey\n",
        "times": "ServerAliveInterval 5m\nConnectTimeout 1m30s\nRekeyLimit 1G 1h\n",
        "added algorithms": "KexAlgorithms +none-such\nHostKeyAlgorithms +ssh-rsa\nCompression yes\n",
        "a way of its own": f"AddressFamily inet\nBindAddress {LOOPBACK}\nCiphers -*cbc\n",
    }
    laptop.known_hosts.write_text(known)
    for name, more in configs.items():
        (home / "config").write_text(
            f"Host gpu\nHostName {LOOPBACK}\n{more}{key}# caf\udce9\n", errors="surrogateescape"
        )
        assert await _reaches("gpu", Person()) == "here", name


async def test_latin_1_in_known_hosts_is_passed_over(sshd: Sshd, laptop: Laptop) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    laptop.known_hosts.write_bytes(
        b"# caf\xe9\n" + laptop.known_hosts.read_bytes()[:-1] + b" caf\xe9\n"
    )
    assert await _reaches("testbox", Person()) == "here"


async def test_an_accepted_key_goes_to_the_file_that_the_tokens_name(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    server = start_sshd()
    laptop.add_host(
        "gpu", server.port, more="HostKeyAlias gpu.example\n  UserKnownHostsFile ~/.ssh/kh.d/%k"
    )
    assert await _reaches("gpu", Person(accepts=True)) == "here"
    assert (laptop.home / ".ssh" / "kh.d" / "gpu.example").read_text().startswith("gpu.example ")


async def test_a_command_that_knows_hosts_is_asked(sshd: Sshd, laptop: Laptop) -> None:
    known = f"[{LOOPBACK}]:{sshd.port} {sshd.host_key.export_public_key().decode()}"
    program = laptop.home / "known"
    program.write_text(f'#!/bin/sh\ntest "$1" = "[{LOOPBACK}]:{sshd.port}" && echo "{known}"\n')
    program.chmod(0o700)
    laptop.add_host("gpu", sshd.port, more=f"KnownHostsCommand {program} %H")
    laptop.add_host("fails", sshd.port, more=f"KnownHostsCommand {program} other")
    laptop.add_host("missing", sshd.port, more="KnownHostsCommand /no/such/program")
    assert await _reaches("gpu", Person()) == "here"
    for host in ("fails", "missing"):
        with pytest.raises(BoxUntrusted, match="is not known"):
            await _reaches(host, Person())


async def test_a_box_and_a_jump_host_may_be_uris(start_sshd: StartSshd, laptop: Laptop) -> None:
    gate, box = start_sshd(), start_sshd()
    config = laptop.home / ".ssh" / "config"
    config.write_text(
        f"IdentityFile {laptop.key}\nHost {LOOPBACK}\n  Port {box.port}\n"
        f"Host gpu\n  HostName {LOOPBACK}\n  Port {box.port}\n"
        f"  ProxyJump ssh://{USER}@{LOOPBACK}:{gate.port}\n"
    )
    laptop.trust(gate.port, gate.host_key)
    laptop.trust(box.port, box.host_key)
    assert await _reaches(f"ssh://{USER}@{LOOPBACK}:{gate.port}", Person()) == "here"
    assert await _reaches("gpu", Person()) == "here"
    assert (gate.logins(), box.logins()) == (2, 1)


async def test_a_host_that_is_no_host_is_refused_for_what_it_is(laptop: Laptop) -> None:
    with pytest.raises(BoxUnreachable, match="ssh://me@gpu/root has a path"):
        await _reaches("ssh://me@gpu/root", Person())


@pytest.mark.parametrize(
    "line", ["IdentityFile %z", "CertificateFile %z", "IdentityAgent ~/%z", "IdentitiesOnly maybe"]
)
async def test_a_line_about_keys_that_cannot_be_heeded_is_named(
    sshd: Sshd, laptop: Laptop, line: str
) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    laptop.add_host("gpu", sshd.port, more=line)
    with pytest.raises(BoxUnreachable, match=f"{line.split()[0].lower()}: .*config, line"):
        await _reaches("gpu", Person())


async def test_a_proxy_command_that_cannot_be_started_is_named(laptop: Laptop) -> None:
    laptop.add_host("gpu", 22, more="ProxyCommand ~/none %h")
    said = "^the ProxyCommand for gpu cannot be run: No such file or directory\n"
    with pytest.raises(BoxUnreachable, match=said) as raised:
        await _reaches("gpu", Person())
    assert f"{laptop.home}/none" in raised.value.remedy


async def test_a_refused_login_says_which_keys_were_passed_over(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    new_key(tmp_path / "other")
    server = start_sshd()
    (laptop.home / ".ssh" / "putty.ppk").write_bytes(_PUTTY_KEY)
    more = "IdentityFile ~/.ssh/putty.ppk\n  IdentityFile ~/none\n  CertificateFile ~/none-cert.pub"
    laptop.add_host("gpu", server.port, key=tmp_path / "other", more=more)
    laptop.trust(server.port, server.host_key)
    with pytest.raises(BoxRefusedLogin) as raised:
        await _reaches("gpu", Person())
    for words in (
        "putty.ppk (PuTTY's format; puttygen",
        f"{laptop.home}/none (there is no",
        "certificate",
    ):
        assert words in raised.value.remedy


async def test_an_encrypted_key_without_its_public_half_is_asked_for(
    sshd: Sshd, laptop: Laptop
) -> None:
    laptop.trust(sshd.port, sshd.host_key)
    asyncssh.read_private_key(laptop.key).write_private_key(laptop.key, "pkcs8-pem", "sesame")
    laptop.public_key.unlink()
    with pytest.raises(BoxRefusedLogin):
        await _reaches("testbox", Person(password="wrong"))  # noqa: S106
    person = Person(password="sesame")  # noqa: S106
    assert await _reaches("testbox", person) == "here"
    assert person.prompts == [f"Passphrase for {laptop.key}: "]


# --- the agent ------------------------------------------------------------------------------------


async def test_the_agent_key_whose_file_is_named_comes_before_all_others(
    start_sshd: StartSshd, laptop: Laptop, agent: Path, tmp_path: Path
) -> None:
    # A server hears six keys at most, and the agent would offer the right one as its ninth.
    _run("ssh-add", "-q", "-D")
    others = [tmp_path / f"other{number}" for number in range(8)]
    ours = new_key(tmp_path / "ours")
    for other in others:
        new_key(other)
    _run("ssh-add", "-q", *others, tmp_path / "ours")
    (tmp_path / "ours").unlink()
    laptop.public_key.write_bytes(ours.export_public_key())
    server = start_sshd()
    laptop.trust(server.port, server.host_key)
    laptop.add_host("gpu", server.port, key=tmp_path / "ours")
    laptop.add_host("unnamed", server.port, key=tmp_path / "none")
    laptop.add_host("without", server.port, key=tmp_path / "ours", more="IdentityAgent none")
    assert await _reaches("gpu", Person()) == "here"
    laptop.add_host("only", server.port, key=tmp_path / "ours.pub", more="IdentitiesOnly yes")
    assert await _reaches("only", Person()) == "here"
    for host in ("unnamed", "without"):
        with pytest.raises((BoxRefusedLogin, BoxUnreachable)):
            await _reaches(host, Person())


async def test_a_certificate_goes_with_the_key_that_the_agent_holds(
    start_sshd: StartSshd, laptop: Laptop, agent: Path, tmp_path: Path
) -> None:
    new_key(tmp_path / "authority")
    authority = tmp_path / "authority"
    _run("ssh-keygen", "-q", "-s", authority, "-I", "ada", "-n", USER, laptop.public_key)
    certificate = laptop.key.with_name(f"{laptop.key.name}-cert.pub").rename(tmp_path / "cert")
    server = start_sshd(options=[f"TrustedUserCAKeys {tmp_path / 'authority.pub'}"])
    (server.log.with_name("authorized_keys")).write_text("")
    laptop.trust(server.port, server.host_key)
    laptop.add_host("gpu", server.port, more=f"CertificateFile {certificate}")
    assert await _reaches("gpu", Person()) == "here"


def _run(program: str, *arguments: str | Path) -> None:
    subprocess.run([shutil.which(program) or program, *arguments], check=True)


def _make_program(file: Path) -> None:
    file.write_text(_RELAY.format(python=sys.executable))
    file.chmod(0o700)
