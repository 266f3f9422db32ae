"""What the ssh config and the host of a box may say, and which of it is refused, in which words."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from backend.box.ssh.connecting import login_options
from backend.box.ssh_config import reading
from backend.box.ssh_config.destination import Destination, parse_destination, parse_jumps
from backend.box.ssh_config.host_settings import HostSettings, read_settings


@pytest.fixture(autouse=True)
def system_file(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's config, of the test's own."""
    file = own_home / "etc" / "ssh_config"
    monkeypatch.setattr(reading, "_SYSTEM_FILE", file)
    (own_home / ".ssh").mkdir()
    file.parent.mkdir()
    return file


def _settings(home: Path, text: str, host: str = "gpu") -> HostSettings:
    (home / ".ssh" / "config").write_text(text)
    return read_settings(parse_destination(host))


# --- hosts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("gpu", Destination("gpu")),
        ("ada@gpu", Destination("gpu", None, "ada")),
        ("ada@lab@gpu", Destination("gpu", None, "ada@lab")),
        ("gpu:2200", Destination("gpu", 2200)),
        ("ada@[::1]:2200", Destination("::1", 2200, "ada")),
        ("::1", Destination("::1")),
        ("fe80::1%eth0", Destination("fe80::1%eth0")),
        ("ssh://gpu", Destination("gpu")),
        ("ssh://gpu/", Destination("gpu")),
        ("ssh://ada@gpu:2200", Destination("gpu", 2200, "ada")),
        ("ssh://ada%40lab;fingerprint=x@[::1]:2200", Destination("::1", 2200, "ada@lab")),
    ],
)
def test_a_host_is_understood(text: str, destination: Destination) -> None:
    assert parse_destination(text) == destination


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not the name of a host"),
        ("-oProxyCommand=x", "not the name of a host"),
        ("gpu;reboot", "not the name of a host"),
        ("two words", "not the name of a host"),
        ("gpu:0", "0 is not a port"),
        ("gpu:65536", "65536 is not a port"),
        ("gpu:no-such-service", "no-such-service is not a port"),
        ("ssh://gpu/home/ada", "has a path"),
        ("ssh://@gpu", "empty user"),
        ("ssh://", "not the name of a host"),
        ("ada;reboot@gpu", "'ada;reboot' is not the name of a user"),
        ("ssh://-oProxyCommand%3Dx@gpu", "'-oProxyCommand=x' is not the name of a user"),
        ("https://gpu", "not an address of the form ssh://user@host:port"),
    ],
)
def test_what_cannot_be_a_host_is_refused_for_what_it_is(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_destination(text)


def test_jump_hosts_are_understood() -> None:
    assert parse_jumps("ssh://a@b:1, c") == [Destination("b", 1, "a"), Destination("c")]


# --- files ----------------------------------------------------------------------------------------


def test_relative_includes_start_beside_the_file_that_is_read_first(
    own_home: Path, system_file: Path
) -> None:
    (own_home / ".ssh" / "conf.d").mkdir()
    (own_home / ".ssh" / "conf.d" / "a").write_text("Include b\nPort 7\n")
    (own_home / ".ssh" / "b").write_text("User ada\n")
    (system_file.parent / "more").write_text("HostName gpu.lab\n")
    system_file.write_text("Host gpu\n  Include more\n  Port 8\n")
    settings = _settings(own_home, "Include conf.d/*\nInclude ~/none\n")
    assert (settings.user, settings.port, settings.host) == ("ada", 7, "gpu.lab")


def test_files_that_include_each_other_are_an_error(own_home: Path) -> None:
    with pytest.raises(ValueError, match="more than 16 deep"):
        _settings(own_home, "Include config\n")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Port many", "port: many is not a port"),
        ("Port", "port has no value"),
        ("User ada\nHost 'gpu\n  Port 2", "quote ' has no end"),
        ("HostName %q", "hostname: %q has no meaning"),
        ("HostName a;b", "'a;b' is not the name of a host"),
        ("Match host", "Match host needs a value"),
        ("Match nonsense gpu", "Match nonsense is not known here"),
        ("Match localnetwork 10.0.0.0/8", "localnetwork cannot be decided here"),
        ("UserKnownHostsFile ~/%z", "userknownhostsfile: %z has no meaning"),
        ("UserKnownHostsFile ${NO_SUCH_VARIABLE}/x", "NO_SUCH_VARIABLE is not set"),
        ("IdentityFile %", "identityfile: % has no meaning"),
        ("AddressFamily ipx", "ipx is not any, inet or inet6"),
        ("PasswordAuthentication maybe", "maybe is not yes or no"),
        ("KexAlgorithms quantum@example", "kexalgorithms: quantum@example names nothing"),
        ("SetEnv NAME", "NAME is not NAME=value"),
        ("ProxyJump gate:0", "proxyjump: gate:0: 0 is not a port"),
        ("ProxyCommand nc %h %p; true", "proxycommand: ; in `nc %h %p; true` is for a shell"),
        ("ProxyCommand nc $(cat ~/host) %p", "no shell runs it"),
        ('ProxyCommand nc "$(cat ~/host)" %p', "no shell runs it"),
        ("ProxyCommand nc `cat ~/host` %p", "no shell runs it"),
        ("ProxyCommand nc ${HOST:-x} %p", "no shell runs it"),
        ("ProxyCommand a | b", "no shell runs it"),
        ("ProxyCommand a 2>log", "no shell runs it"),
        ("ProxyCommand relay %z", "%z has no meaning"),
        ("ProxyCommand # none", "there is no command"),
        ("ProxyUseFdpass yes\nProxyCommand nc -F %h %p", "cannot hand over a file"),
    ],
)
def test_a_line_that_cannot_be_heeded_is_refused_by_its_name_and_number(
    own_home: Path, text: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem) as raised:
        _look_at_everything(_settings(own_home, text))
    if "is not the name of a host" not in problem:
        last = text.count("\n") + (0 if "Host '" in text else 1)
        where = 1 if "ProxyUseFdpass" in text else last
        assert f"config, line {where})" in str(raised.value)


def _look_at_everything(settings: HostSettings) -> None:
    login_options(settings)
    for name in ("jumps", "proxy_command", "users_known_hosts", "identity_files", "agent"):
        getattr(settings, name)


@pytest.mark.parametrize(
    ("user", "expanded"),
    [("%n-${TABLE_NAME}", "gpu-ada"), ("50%", "50%"), ("~/x", "~/x"), ("%r", "%r")],
)
def test_tokens_of_a_user_are_expanded_where_they_are_tokens(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, user: str, expanded: str
) -> None:
    monkeypatch.setenv("TABLE_NAME", "ada")
    assert _settings(own_home, f"User {user}\n").user == expanded


def test_a_user_beside_the_host_is_taken_as_it_is(own_home: Path) -> None:
    assert _settings(own_home, "User bob\n", "%n~@gpu").user == "%n~"


def test_a_line_for_another_host_stops_nothing(own_home: Path) -> None:
    assert _settings(own_home, "Host nas\n  Port many\nHost gpu\n  Port 7\n").port == 7


def test_a_command_of_match_is_given_no_name_that_a_shell_could_misread(
    own_home: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    config = f'User "ada; reboot"\nMatch exec "touch {made}; test %r = x"\n  Port 7\n'
    with pytest.raises(ValueError, match="%r is 'ada; reboot', which no shell may be given"):
        _settings(own_home, config)
    assert not made.exists()


# --- names that are completed ---------------------------------------------------------------------


def _resolver(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    """Stands in for DNS: names with a dot at the end, and what each is an alias for."""

    def resolve(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if name not in names:
            raise socket.gaierror("no such host")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, names[name], ("10.0.0.5", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_short_name_is_completed_and_the_config_read_again(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolver(monkeypatch, {"gpu.lab.example.": "gpu.lab.example"})
    text = "CanonicalizeHostname yes\nCanonicalDomains none.example lab.example\n"
    text += "Host *.lab.example\n  User ada\nMatch canonical host gpu.lab.example\n  Port 7\n"
    settings = _settings(own_home, text)
    assert (settings.host, settings.user, settings.port) == ("gpu.lab.example", "ada", 7)


@pytest.mark.parametrize(
    ("rule", "host"),
    [("*.lab.example:*.cloud.example", "g7.cloud.example"), ("*:*.org", "gpu.lab.example")],
)
def test_an_alias_is_followed_where_a_rule_allows_it(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, rule: str, host: str
) -> None:
    _resolver(monkeypatch, {"gpu.lab.example.": "g7.cloud.example"})
    text = "CanonicalizeHostname yes\nCanonicalDomains lab.example\n"
    assert _settings(own_home, text + f"CanonicalizePermittedCNAMEs {rule}\n").host == host


def test_a_name_that_must_be_completed_and_cannot_be_is_refused(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolver(monkeypatch, {})
    text = "CanonicalizeHostname yes\nCanonicalDomains lab.example\n"
    assert _settings(own_home, text).host == "gpu"
    with pytest.raises(ValueError, match="gpu is not found in any domain"):
        _settings(own_home, text + "CanonicalizeFallbackLocal no\n")
