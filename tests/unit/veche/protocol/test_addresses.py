"""Addresses that are none: nothing that splits them for others falls over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.signing.keys.stampers import place_of
from appservices.signing.sign_command.session import read_link
from veche.cli.main import main
from veche.cli.verify.published import Site, SiteError
from veche.protocol.addresses import split_address
from veche.protocol.errors import MalformedError
from veche.runtime.files.signed_files import fetch_lists
from veche.runtime.web import outbound

if TYPE_CHECKING:
    from pathlib import Path

NONE = ("https://[", "https://[::1", "https://a:99999/", "https://a:b/", "https://[x]/", "")


@pytest.mark.parametrize("url", NONE)
def test_what_is_no_address_has_no_host(url: str) -> None:
    parts = split_address(url)

    assert (parts.scheme, parts.hostname, parts.port) == ("", None, None)


@pytest.mark.parametrize("url", NONE)
def test_whoever_made_a_file_cannot_make_its_reader_fall_over(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch_lists([url]) == []
    assert capsys.readouterr().err == ""
    for read in (place_of, outbound.place_of, read_link):
        with pytest.raises(MalformedError):
            read(url)
    with pytest.raises(SiteError):
        Site(url)


@pytest.mark.parametrize("url", NONE[:4])
def test_no_command_ends_in_a_traceback_for_it(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"%PDF-1.7")
    commands = (
        ("sign", str(file), "--csc", url),
        ("sign", "--session", url, "--code", "12", "--key", str(file)),
    )
    for command in commands:
        assert main(list(command)) == 1
        assert capsys.readouterr().err.startswith("veche: ")
