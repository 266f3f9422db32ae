"""Configs that OpenSSH's client takes, each with a name. `{home}` stands for the user's home."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A config, and what is to come of it for a host."""

    name: str
    text: str
    host: str = "gpu"
    """The host that is asked for."""
    expected: dict[str, object] = field(default_factory=dict)
    """Attributes of the settings that OpenSSH's client does not print, or that are worth spelling out."""
    files: dict[str, str] = field(default_factory=dict)
    """More files, by their paths in the home."""
    since: tuple[int, int] = (0, 0)
    """The first version of OpenSSH that takes it."""


READING_ROWS = (
    # --- lines, words, comments ---
    Row("no config at all", ""),
    Row("only comments and blank lines", "# one\n\n   # two\n\t\n"),
    Row(
        "a comment behind a value",
        "Host gpu\n  HostName 10.0.0.5 # rack 4\n",
        expected={"host": "10.0.0.5"},
    ),
    Row(
        "an apostrophe in a comment",
        "Host nas # Bob's box\n  User bob\nHost gpu\n  HostName 10.0.0.5\n",
    ),
    Row("a comment in Latin-1", "# caf\udce9\nHost gpu\n  HostName 10.0.0.5\n"),
    Row(
        "Latin-1 in a value of another option",
        "Host gpu\n  LocalCommand echo \udce9\n  Port 7\n",
        expected={"port": 7},
    ),
    Row(
        "CRLF at the ends of lines",
        "Host gpu\r\n  HostName 10.0.0.5\r\n  Port 2200\r\n",
        expected={"port": 2200},
    ),
    Row(
        "tabs between words",
        "Host\tgpu\n\tHostName\t10.0.0.5\n\tPort\t2200\n",
        expected={"port": 2200},
    ),
    Row(
        "no indentation and no newline at the end",
        "Host gpu\nUser ada\nPort 2200",
        expected={"user": "ada"},
    ),
    Row(
        "equals signs",
        "Host=gpu\nHostName=10.0.0.5\nPort = 2200\nUser= ada\n",
        expected={"user": "ada"},
    ),
    Row(
        "keywords in capitals",
        "HOST gpu\n  HOSTNAME 10.0.0.5\n  PORT 2200\n",
        expected={"port": 2200},
    ),
    Row("keywords in lower case", "host gpu\n  hostname 10.0.0.5\n  identityfile ~/k\n"),
    Row("a quoted value", 'Host gpu\n  User "ada lovelace"\n', expected={"user": "ada lovelace"}),
    Row("a quoted path with a blank", 'Host gpu\n  IdentityFile "{home}/my keys/id"\n'),
    Row("single quotes", "Host gpu\n  User 'ada'\n", expected={"user": "ada"}),
    Row("an escaped blank", "Host gpu\n  IdentityFile {home}/my\\ keys/id\n"),
    Row("a quoted Host", 'Host "gpu"\n  Port 2200\n', expected={"port": 2200}),
    Row("a form feed at the end of a line", "Host gpu\n  Port 2200 \f\n", expected={"port": 2200}),
    # --- Host ---
    Row(
        "options before the first Host",
        "User ada\nHost gpu\n  User bob\n",
        expected={"user": "ada"},
    ),
    Row(
        "the first value counts",
        "Host gpu\n  Port 1\n  Port 2\nHost *\n  Port 3\n",
        expected={"port": 1},
    ),
    Row("several names", "Host nas gpu h100\n  User ada\n", expected={"user": "ada"}),
    Row("a star", "Host g*\n  User ada\n", expected={"user": "ada"}),
    Row("question marks", "Host ?pu\n  User ada\n", expected={"user": "ada"}),
    Row(
        "brackets are no pattern",
        "Host [g]pu\n  User bob\nHost *\n  User ada\n",
        expected={"user": "ada"},
    ),
    Row("a negation", "Host * !gpu\n  User bob\nHost *\n  User ada\n", expected={"user": "ada"}),
    Row(
        "a negation alone matches nobody",
        "Host !nas\n  User bob\nHost gpu\n  Port 5\n",
        expected={"port": 5},
    ),
    Row(
        "names are told apart by capitals",
        "Host GPU\n  User bob\nHost gpu\n  Port 5\n",
        expected={"port": 5},
    ),
    Row(
        "a name in capitals is lowered at last",
        "",
        host="GPU.Example",
        expected={"host": "gpu.example"},
    ),
    Row(
        "HostName from the name",
        "Host *\n  HostName %h.example\n",
        expected={"host": "gpu.example"},
    ),
    Row(
        "HostName with a percent sign",
        "Host gpu\n  HostName fe80::1%%eth0\n",
        expected={"host": "fe80::1%eth0"},
    ),
    Row("an IPv6 address", "Host gpu\n  HostName ::1\n", expected={"host": "::1"}),
    Row(
        "an address in another spelling",
        "HostName 2001:DB8:0::0001\n",
        expected={"host": "2001:db8::1"},
    ),
    Row("an address of two parts", "", host="127.1", expected={"host": "127.0.0.1"}),
    Row("a port by its name", "Host gpu\n  Port ssh\n", expected={"port": 22}),
    Row("a user and a host", "Host gpu\n  User bob\n", host="ada@gpu", expected={"user": "ada"}),
    Row(
        "a URI",
        "Host gpu\n  Port 2\n",
        host="ssh://ada@gpu:2200",
        expected={"user": "ada", "port": 2200},
    ),
    Row(
        "a URI without a user", "Host gpu\n  User ada\n", host="ssh://gpu", expected={"user": "ada"}
    ),
    Row("a URI with an escaped user", "", host="ssh://ada%40lab@gpu", expected={"user": "ada@lab"}),
    # --- Match ---
    Row("Match all", "Match all\n  User ada\n", expected={"user": "ada"}),
    Row(
        "Match host",
        "Host gpu\n  HostName gpu.lab\nMatch host *.lab\n  User ada\n",
        expected={"user": "ada"},
    ),
    Row(
        "Match host with a list", "Match host nas,g*,!gpu2\n  User ada\n", expected={"user": "ada"}
    ),
    Row(
        "Match originalhost",
        "Host gpu\n  HostName x\nMatch originalhost gpu\n  User ada\n",
        expected={"user": "ada"},
    ),
    Row("Match user", "Match user ada\n  Port 2200\n", host="ada@gpu", expected={"port": 2200}),
    Row(
        "Match localuser of another",
        "Match localuser nobody-here\n  Port 1\nMatch all\n  Port 2\n",
        expected={"port": 2},
    ),
    Row(
        "Match not", "Match !host gpu\n  Port 1\nMatch !host nas\n  Port 2\n", expected={"port": 2}
    ),
    Row(
        "Match with several criteria",
        "Match host gpu user bob\n  Port 1\nMatch host gpu\n  Port 2\n",
    ),
    Row("Match exec that succeeds", 'Match exec "true"\n  Port 2200\n', expected={"port": 2200}),
    Row("Match exec that fails", 'Match exec "false"\n  Port 2200\n', expected={"port": 22}),
    Row(
        "Match exec with a token",
        'Match exec "test %h = gpu -a %p = 22"\n  Port 2200\n',
        expected={"port": 2200},
    ),
    Row(
        "Match exec with a pipe",
        "Match exec \"echo gpu | grep -q '^gpu'\"\n  Port 7\n",
        expected={"port": 7},
    ),
    Row(
        "Match exec after what fails",
        'Match host nas exec "touch {home}/ran"\n  Port 7\n',
        expected={"port": 22},
    ),
    Row(
        "Match host exec in one",
        'Match host gpu exec "true"\n  User ada\n',
        expected={"user": "ada"},
    ),
    Row(
        "Match final",
        "Match final host gpu.lab\n  Port 7\nHost gpu\n  HostName gpu.lab\n",
        expected={"port": 7},
    ),
    Row(
        "a Host of the final name",
        "Match final\n  User ada\nHost gpu.lab\n  Port 7\nHost gpu\n  HostName gpu.lab\n",
    ),
    Row("Match canonical", "Match canonical\n  Port 7\n", expected={"port": 22}),
    Row("Match with an equals sign", "Match host=gpu\n  Port 7\n", expected={"port": 7}),
    Row(
        "Match with a comment",
        "Match host gpu # it's the new one\n  Port 7\n",
        expected={"port": 7},
    ),
    Row(
        "Tag and Match tagged",
        "Host gpu\n  Tag lab\nMatch tagged lab\n  Port 7\n",
        expected={"port": 7},
        since=(9, 4),
    ),
    # --- Include ---
    Row(
        "Include",
        "Include {home}/more\nHost *\n  Port 1\n",
        files={"more": "Host gpu\n  Port 7\n"},
        expected={"port": 7},
    ),
    Row(
        "Include with a pattern",
        "Include {home}/conf.d/*.conf\n",
        files={
            "conf.d/b.conf": "Port 2\n",
            "conf.d/a.conf": "Port 1\n",
            "conf.d/c.txt": "User bob\n",
        },
        expected={"port": 1},
    ),
    Row("Include of nothing", "Include {home}/none/*\nHost gpu\n  Port 7\n", expected={"port": 7}),
    Row(
        "Include of two files",
        "Include {home}/a {home}/b\n",
        files={"a": "Port 1\n", "b": "User ada\n"},
    ),
    Row(
        "Include inside of a Host",
        "Host nas\n  Include {home}/more\nHost gpu\n  Include {home}/more2\n  User ada\n",
        files={"more": "Port 1\n", "more2": "Host *\n  Port 2\nHost nas\n"},
        expected={"port": 2, "user": "ada"},
    ),
    Row(
        "Include in Include",
        "Include {home}/a\n",
        files={"a": "Include {home}/b\n", "b": "Port 7\n"},
        expected={"port": 7},
    ),
)
