"""What of the authority ends soon is told before."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs
import pytest
from cryptography import x509

from appservices.signing.authority.core.issuing import Revoked
from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.authority.service.upkeep import SOON, STAMPS_LIFE, look
from appservices.signing.commands.ca import make_authority, open_authority
from appservices.signing.config import SigningSection
from appservices.signing.spec import SERVICE
from tests.unit.veche.cli.diagnosis.patients import patient
from veche.cli.diagnosis.services import look_at_services
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NOW: Final = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
SITE: Final = "https://services.example.org"
WORDS: Final = b"correct horse battery"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("upkeep") / "ca"
    make_authority(made, "Lindenau", SITE, WORDS, NOW, {"town": "Town of Lindenau"})
    return made


def found(folder: Path, at: dt.datetime) -> list[tuple[str, str]]:
    return list(look(SigningSection(folder=folder), at.timestamp()))


def list_end(folder: Path) -> dt.datetime:
    known = read_authorities(folder)
    listed = x509.load_der_x509_crl(known.list_of(known.issuing.certificate))
    assert listed.next_update_utc is not None
    return listed.next_update_utc


def test_a_new_authority_needs_nothing(folder: Path) -> None:
    assert found(folder, NOW) == []


def test_a_list_is_told_sixty_days_before_its_end_and_after_it(folder: Path) -> None:
    ends = list_end(folder)

    def said(at: dt.datetime) -> list[str]:
        return [mend for what, mend in found(folder, at) if f"good until {ends:%F}" in what]

    assert said(ends - SOON) == []
    assert said(ends - SOON + dt.timedelta(seconds=1)) == ["with the root's key: `veche ca lists`"]
    assert len(said(ends + dt.timedelta(days=1))) == 1


def test_the_key_for_stamps_is_told_once_it_is_old(folder: Path) -> None:
    early = NOW + STAMPS_LIFE - dt.timedelta(days=2)
    assert not any("time stamps" in what for what, _ in found(folder, early))
    later = NOW + STAMPS_LIFE + dt.timedelta(days=1)
    assert any("veche ca stamps" in mend for _, mend in found(folder, later))


def test_a_seal_is_told_before_its_end(folder: Path) -> None:
    ends = read_authorities(folder).seals["town"].certificate.not_valid_after_utc

    def said(at: dt.datetime) -> list[str]:
        return [what for what, mend in found(folder, at) if "veche ca seal town" in mend]

    assert said(ends - SOON) == []
    [what] = said(ends - SOON + dt.timedelta(seconds=1))
    assert f"it ends on {ends:%F}" in what


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"issuing\.pem or its list"):
        found(tmp_path, NOW)


def test_the_doctor_says_that_a_seal_was_revoked(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    make_authority(folder, "Lindenau", SITE, WORDS, NOW, {"town": "Town of Lindenau"})
    seal = read_authorities(folder).seals["town"].certificate
    opened = open_authority(folder, SITE, WORDS, NOW)
    opened.list(seal, Revoked(NOW, x509.ReasonFlags.key_compromise))
    one = patient(tmp_path, now_s=NOW.timestamp())
    config = attrs.evolve(one.config, services={"signing": SigningSection(folder=folder)})

    sick = attrs.evolve(one, config=config, specs={"signing": SERVICE})

    [(what, mend)] = look_at_services(sick)
    assert what == "signing: the seal town seals no more, or not for long: it was revoked"
    assert "veche ca seal town NAME" in mend
    assert list(look_at_services(one)) == []
