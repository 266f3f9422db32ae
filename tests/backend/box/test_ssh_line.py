"""How to log in, as an `ssh …` line tells it."""

from __future__ import annotations

import pytest

from backend.box.ssh_line import read_ssh_line
from backend.errors import InputError


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("gpu-box", "gpu-box"),
        ("root@1.2.3.4:22022", "root@1.2.3.4:22022"),
        ("ssh gpu-box", "gpu-box"),
        ("ssh -p 22022 root@1.2.3.4", "root@1.2.3.4:22022"),
        ("ssh -p22022 root@1.2.3.4 -L 8080:localhost:8080", "root@1.2.3.4:22022"),
        ("  ssh -Av -L 8080:localhost:8080 -l root -p 40 gpu.lab  ", "root@gpu.lab:40"),
        ("ssh ssh://ubuntu@gpu.lab:2222 nvidia-smi -L", "ubuntu@gpu.lab:2222"),
        ("ssh -p 2222 root@fe80::1", "root@[fe80::1]:2222"),
    ],
)
def test_a_line_is_read_as_the_host_that_it_logs_in_to(line: str, host: str) -> None:
    read = read_ssh_line(line)
    assert (read.host, read.options) == (host, ())


def test_what_only_the_ssh_config_can_say_becomes_a_block_for_it() -> None:
    line = "ssh -i ~/.ssh/rented -J me@login.lab -o ServerAliveInterval=30 -p 2222 root@10.0.0.7"
    assert read_ssh_line(line).config_block("rented") == "\n".join(
        [
            "Host rented",
            "  HostName 10.0.0.7",
            "  Port 2222",
            "  User root",
            "  IdentityFile ~/.ssh/rented",
            "  ProxyJump me@login.lab",
            "  ServerAliveInterval 30",
        ]
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "not the name of a host"),
        ("ssh", "no host stands in the line"),
        ("ssh -p", "nothing follows -p"),
        ("ssh -p many gpu", "many is not a port"),
        ("ssh 'gpu", "No closing quotation"),
        ("gpu; rm -rf", "not the name of a host"),
    ],
)
def test_a_line_that_names_no_host_is_refused_with_the_forms_that_work(
    line: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as refused:
        read_ssh_line(line)
    assert "user@host:port" in refused.value.remedy
