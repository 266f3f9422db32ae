"""Only machines of the public internet are reached."""

from __future__ import annotations

import pytest

from backend.fetching.global_addresses import is_global

PUBLIC = ("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::5db8:d70e")
OTHERS = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),  # noqa: S104
    *("169.254.169.254", "168.63.129.16", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9"),
    *("192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "2002:7f00:1::", "2001:db8::1"),
    *("2001:0:5db8:d70e::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::5db8:d70e"),
    *("2606:4700:4700::1111%eth0", "2130706433", "0x7f.1", "localhost", ""),
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert is_global(address)


@pytest.mark.parametrize("address", OTHERS)
def test_no_other_address_may_be_reached(address: str) -> None:
    assert not is_global(address)
