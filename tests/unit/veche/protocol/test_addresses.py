"""Addresses that are none: nothing that splits them for others falls over."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from appservices.signing.commands.sign.session import read_link
from appservices.signing.keys.csc import ProviderClient, ProviderSection
from appservices.signing.keys.stampers import place_of
from tests.support.tables import each_row
from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, MalformedError
from veche.runtime.files.signed_files import fetch_lists
from veche.runtime.verifying.published import Site, SiteError
from veche.runtime.web import outbound
from veche.runtime.web.http_client import Connections

NONE = ("https://[", "https://[::1", "https://a:99999/", "https://a:b/", "https://[x]/", "")


@each_row("url", NONE)
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


@each_row("url", NONE[:-1])
def test_nobody_is_asked_at_an_address_that_is_none(url: str) -> None:
    section = ProviderSection.model_validate({"url": url, "networks": ("10.0.0.0/8",)})
    with pytest.raises(ConfigError, match="should be as https://"):
        ProviderClient(Clock(), section, "")
    with pytest.raises(ConfigError, match="of the form http://host:port"):
        Connections(Clock(), url)
