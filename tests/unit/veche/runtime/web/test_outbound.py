"""Which addresses are of the public Internet, and what can be the name of a host."""

from __future__ import annotations

import contextlib
import socket
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.runtime.web.outbound import is_host, is_public, without_port


@each_row(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.215.14", "223.255.255.254", "2606:4700::1111", "2a00::1"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@each_row(
    "address",
    [
        "0.0.0.0",  # noqa: S104 -- judged, not bound
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(ip_address(address))


@each_row(
    ("name", "host"),
    [
        ("example.org", "example.org"),
        ("example.org.", "example.org."),
        ("example.org:8448", "example.org"),
        ("_matrix-fed.example.org", "_matrix-fed.example.org"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::1]:8448", "[::1]"),
        ("2606:4700::1111", "2606:4700::1111"),
    ],
)
def test_names_and_addresses_are_hosts_with_or_without_a_port(name: str, host: str) -> None:
    assert without_port(name) == host
    assert is_host(host)


@each_row(
    "host",
    ["", ".", "a..", "a..b", "[.11", "a]b", "x:", "a:b", "a" * 64, "é.org", "a b", "[fe80::1%1]"],
)
def test_what_no_resolver_could_encode_is_no_host(host: str) -> None:
    assert not is_host(host)


@given(st.text("ab1-_.:[]xn", max_size=70))
def test_the_resolver_can_encode_every_host(host: str) -> None:
    if is_host(host):
        # What it raises for others would leave the thread that looks up, and nobody would learn.
        with contextlib.suppress(socket.gaierror):
            socket.getaddrinfo(host.strip("[]"), 0, flags=socket.AI_NUMERICHOST)
