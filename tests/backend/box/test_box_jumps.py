"""The way to a box through other hosts: by ProxyJump hop by hop, and by a ProxyCommand of the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.box.ssh.connecting import connect
from backend.errors import BoxRefusedLogin, BoxUnreachable, BoxUntrusted
from tests.backend.box.conftest import StartSshd
from tests.support.askers import Person
from tests.support.laptop import Laptop
from tests.support.sshd import Sshd, free_port, new_key

Way = tuple[Sshd, Sshd]


async def _reaches(host: str, person: Person) -> str:
    async with connect(host, person) as connection:
        ran = await connection.run("echo here", check=True, timeout=30)
        return str(ran.stdout).strip()


@pytest.fixture
def way(start_sshd: StartSshd, laptop: Laptop) -> Way:
    """The Host gate, and the Host testbox behind it. Neither host key is known yet."""
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", box.port, more="ProxyJump gate")
    return gate, box


async def test_a_jump_host_is_gone_through_and_both_keys_are_checked(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", box.port, more="ProxyJump gate")
    person = Person(accepts=True)
    assert await _reaches("testbox", person) == "here"
    assert [q.fingerprint for q in person.questions] == [gate.fingerprint, box.fingerprint]
    assert (gate.logins(), box.logins()) == (1, 1)


async def test_an_unknown_jump_host_stops_the_connection(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", box.port, more="ProxyJump gate")
    laptop.trust(box.port, box.host_key)
    with pytest.raises(BoxUntrusted) as raised:
        await _reaches("testbox", Person())
    assert gate.fingerprint in str(raised.value)


async def test_an_unknown_host_behind_a_known_jump_host_stops_the_connection(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", box.port, more="ProxyJump gate")
    laptop.trust(gate.port, gate.host_key)
    with pytest.raises(BoxUntrusted) as raised:
        await _reaches("testbox", Person())
    assert box.fingerprint in str(raised.value)


async def test_the_jump_host_of_a_jump_host_is_gone_through(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    servers = [start_sshd() for _ in range(3)]
    laptop.add_host("outer", servers[0].port)
    laptop.add_host("inner", servers[1].port, more="ProxyJump outer")
    laptop.add_host("testbox", servers[2].port, more="ProxyJump inner")
    person = Person(accepts=True)
    assert await _reaches("testbox", person) == "here"
    assert [q.fingerprint for q in person.questions] == [s.fingerprint for s in servers]


async def test_jump_hosts_in_a_circle_are_an_error(laptop: Laptop) -> None:
    laptop.add_host("gate", 1, more="ProxyJump testbox")
    laptop.add_host("testbox", 2, more="ProxyJump gate")
    with pytest.raises(BoxUnreachable, match="circle"):
        await _reaches("testbox", Person())


async def test_a_changed_jump_host_stops_the_connection(
    way: Way, laptop: Laptop, tmp_path: Path
) -> None:
    gate, box = way
    laptop.trust(gate.port, new_key(tmp_path / "former"))
    laptop.trust(box.port, box.host_key)
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED") as raised:
        await _reaches("testbox", person)
    assert str(gate.port) in str(raised.value)
    assert person.questions == []
    assert gate.logins() == 0


async def test_a_changed_host_behind_a_known_jump_host_stops_the_connection(
    way: Way, laptop: Laptop, tmp_path: Path
) -> None:
    gate, box = way
    laptop.trust(gate.port, gate.host_key)
    laptop.trust(box.port, new_key(tmp_path / "former"))
    person = Person(accepts=True)
    with pytest.raises(BoxUntrusted, match="CHANGED") as raised:
        await _reaches("testbox", person)
    assert str(box.port) in str(raised.value)
    assert (person.questions, box.logins()) == ([], 0)


async def test_each_hop_has_the_known_hosts_file_of_its_own_host(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    gate, box = start_sshd(), start_sshd()
    laptop.add_host("gate", gate.port, more="UserKnownHostsFile ~/of_gate")
    laptop.add_host("testbox", box.port, more="ProxyJump gate\n  UserKnownHostsFile ~/of_box")
    assert await _reaches("testbox", Person(accepts=True)) == "here"
    assert str(gate.port) in (laptop.home / "of_gate").read_text()
    assert str(box.port) in (laptop.home / "of_box").read_text()
    assert not laptop.known_hosts.exists()


async def test_a_jump_host_that_refuses_the_login_is_named(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    new_key(tmp_path / "somebody")
    gate, box = start_sshd(), start_sshd()
    (tmp_path / "sshd1" / "authorized_keys").write_text((tmp_path / "somebody.pub").read_text())
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", box.port, more="ProxyJump gate")
    with pytest.raises(BoxRefusedLogin, match=r"gate refused the login of [\s\S]*Tried: .*id_test"):
        await _reaches("testbox", Person(accepts=True))


async def test_a_host_that_the_jump_host_cannot_reach_is_named(
    start_sshd: StartSshd, laptop: Laptop
) -> None:
    gate = start_sshd()
    laptop.add_host("gate", gate.port)
    laptop.add_host("testbox", free_port(), more="ProxyJump gate")
    with pytest.raises(BoxUnreachable, match=r"no SSH connection to testbox: .*refused"):
        await _reaches("testbox", Person(accepts=True))


# --- ProxyCommand ---------------------------------------------------------------------------------


@pytest.fixture
def through_ssh(way: Way, laptop: Laptop) -> Callable[[str], None]:
    """Makes OpenSSH's own client the way to the Host behind."""

    def configure(more: str = "") -> None:
        _, box = way
        config = laptop.home / ".ssh" / "config"
        command = f"ssh -F {config} -o UserKnownHostsFile={laptop.known_hosts} {more} -W %h:%p gate"
        laptop.add_host("behind", box.port, more=f"ProxyCommand {command}")

    return configure


async def test_a_proxy_command_is_run_and_the_host_key_checked_all_the_same(
    way: Way, laptop: Laptop, through_ssh: Callable[[str], None]
) -> None:
    gate, box = way
    laptop.trust(gate.port, gate.host_key)
    through_ssh("")
    with pytest.raises(BoxUntrusted, match="is not known"):
        await _reaches("behind", Person())
    person = Person(accepts=True)
    assert await _reaches("behind", person) == "here"
    assert [question.fingerprint for question in person.questions] == [box.fingerprint]


async def test_a_changed_host_behind_a_proxy_command_stops_the_connection(
    way: Way, laptop: Laptop, tmp_path: Path, through_ssh: Callable[[str], None]
) -> None:
    gate, box = way
    laptop.trust(gate.port, gate.host_key)
    laptop.trust(box.port, new_key(tmp_path / "former"))
    through_ssh("")
    with pytest.raises(BoxUntrusted, match="CHANGED"):
        await _reaches("behind", Person(accepts=True))


async def test_what_a_proxy_command_complains_about_is_shown(
    way: Way, laptop: Laptop, through_ssh: Callable[[str], None]
) -> None:
    through_ssh("-o BatchMode=yes")  # the key of the gate is not known, and nobody can be asked
    with pytest.raises(BoxUnreachable) as raised:
        await _reaches("behind", Person(accepts=True))
    assert "Host key verification failed" in raised.value.remedy


async def test_a_proxy_command_gets_no_shell(
    start_sshd: StartSshd, laptop: Laptop, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    laptop.add_host("behind", 22, more=f"ProxyCommand false %h; touch {made}")
    with pytest.raises(BoxUnreachable):
        await _reaches("behind", Person(accepts=True))
    assert not made.exists()


@pytest.mark.parametrize("command", ["false", "/no/such/program", "echo no ssh here"])
async def test_a_proxy_command_that_fails_is_a_host_that_is_not_reached(
    laptop: Laptop, command: str
) -> None:
    laptop.add_host("behind", 22, more=f"ProxyCommand {command}")
    with pytest.raises(BoxUnreachable, match="behind"):
        await _reaches("behind", Person(accepts=True))


async def test_a_proxy_command_of_none_is_none(start_sshd: StartSshd, laptop: Laptop) -> None:
    server = start_sshd()
    laptop.add_host("testbox", server.port, more="ProxyCommand none")
    assert await _reaches("testbox", Person(accepts=True)) == "here"
