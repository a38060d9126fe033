"""A site on which years pass: its authority for time stamps is made anew."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs

from appservices.signing.authority.core.issuing import Holder, stamps_certificate
from appservices.signing.authority.service.authorities import STAMPS, read_authorities
from appservices.signing.commands.ca import open_authority
from appservices.signing.stamps.service.sealing import Seals
from tests.support.signing import YEAR

if TYPE_CHECKING:
    from appservices.signing.sessions.service.conversation import Parts
    from tests.integration.appservices.signing.site import SigningSite


def in_years(site: SigningSite, years: int) -> tuple[Parts, int]:
    """The service in some years, after the authority for stamps was made anew; when that is."""
    now_ms = site.host.now_ms() + years * int(YEAR.total_seconds()) * 1000
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    folder = site.folder / "ca"
    former = read_authorities(folder).stamps.certificate
    opened = open_authority(folder, site.url, b"a long passphrase", now)
    opened.make(STAMPS, Holder("Lindenau Time", organisation="Lindenau"), stamps_certificate)
    authorities = read_authorities(folder)
    for one in (former, authorities.issuing.certificate):
        opened.list(one)
    seals = Seals(authorities)
    site.host.now_ms = lambda: now_ms
    return attrs.evolve(site.parts, authorities=authorities, seals=seals), now_ms
