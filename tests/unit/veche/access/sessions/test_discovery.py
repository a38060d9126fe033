"""Server names, and what a machine says of its name servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.access.sessions.discovery import name_servers, parse_server_name
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from pathlib import Path


@each_row(
    ("text", "host", "port", "is_address"),
    [
        ("example.org", "example.org", None, False),
        ("example.org:8448", "example.org", 8448, False),
        ("localhost:1", "localhost", 1, False),
        ("1.2.3.4", "1.2.3.4", None, True),
        ("1.2.3.4:443", "1.2.3.4", 443, True),
        ("[2001:db8::1]", "[2001:db8::1]", None, True),
        ("[::1]:8448", "[::1]", 8448, True),
        # Looks like a number, and is a name as far as the grammar goes.
        ("2130706433", "2130706433", None, False),
    ],
)
def test_a_server_name_is_taken_apart(
    text: str, host: str, port: int | None, is_address: bool
) -> None:
    name = parse_server_name(text)

    assert (name.host, name.port, name.is_address, str(name)) == (host, port, is_address, text)


@each_row(
    "text",
    [
        "",
        ":8448",
        "example.org:",
        "example.org:0",
        "example.org:65536",
        "example.org:123456",
        "-example.org",
        "example.org-",
        "exa mple.org",
        "example.org/path",
        "user@example.org",
        "example.org?x",
        "example.org#x",
        "[::1",
        "[nonsense]",
        "[1.2.3.4:80]",
        "[fe80::1%eth0]",
        "примеры.org",
        "a" * 231,
        "example.org\r\nHost: evil",
    ],
)
def test_what_is_no_server_name_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="matrix_server_name"):
        parse_server_name(text)


@given(st.text(max_size=300))
def test_any_text_is_a_name_that_reads_the_same_or_is_refused(text: str) -> None:
    try:
        name = parse_server_name(text)
    except MalformedError:
        return
    # A leading zero of a port is the one thing that is lost.
    assert parse_server_name(str(name)) == name


def test_name_servers_are_those_of_the_machine(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text(
        "# nameserver 9.9.9.9\nsearch example.org\nnameserver 10.0.0.1\nnameserver fd00::1\n"
        "nameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
    )

    servers = [(f"10.0.0.{number}", 53) for number in (1, 2, 3)]
    assert name_servers(conf) == servers
    assert name_servers(tmp_path / "missing") == []
