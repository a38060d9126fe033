"""`veche doctor` asks the authority elsewhere for a stamp, and says what is wrong."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.authority.service.upkeep import SOON
from appservices.signing.commands.ca import make_authority
from appservices.signing.config import SigningSection, StampsSection
from appservices.signing.spec import SERVICE
from appservices.signing.stamps.core import StampAuthority
from appservices.signing.stamps.service.probing import examine
from tests.support.bank import DAY, Bank
from tests.support.signing import ms
from tests.support.tsa import stamps_served
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("probing") / "ca"
    make_authority(made, "Lindenau", "https://services.example.org", b"a long passphrase", NOW)
    return made


def stamper(bank: Bank) -> StampAuthority:
    key = ec.generate_private_key(ec.SECP256R1())
    return StampAuthority(bank.issue_stamper(key), key, STAMP_POLICY)


def found(
    folder: Path, tmp_path: Path, url: str, root: Bank, now: dt.datetime = NOW, **more: object
) -> list[str]:
    path = tmp_path / "root.pem"
    path.write_bytes(root.pem)
    stamps = StampsSection(url=url, root=path).model_copy(update=more)
    section = SigningSection(folder=folder).model_copy(update={"stamps": stamps})
    return [what for what, _ in examine(section, now.timestamp())]


def test_one_that_stamps_as_it_should_is_not_spoken_of(folder: Path, tmp_path: Path) -> None:
    bank = Bank("Time", NOW)
    authority = stamper(bank)
    asked: list[dict[str, str]] = []
    write_private(tmp_path / "password", "veche:secret")
    with stamps_served(lambda query: authority.answer(query, 1, ms(NOW)), asked) as url:
        assert found(folder, tmp_path, url, bank) == []
        assert found(folder, tmp_path, url, bank, password_path=tmp_path / "password") == []

    assert [one.get("authorization") for one in asked] == [None, "Basic dmVjaGU6c2VjcmV0"]


def test_what_is_wrong_with_it_is_told(folder: Path, tmp_path: Path) -> None:
    bank = Bank("Time", NOW)
    authority, stranger = stamper(bank), stamper(Bank("Time", NOW))
    answers = {
        lambda _: b"": "gives no time stamp that can be believed: the answer is no time stamp",
        lambda query: stranger.answer(query, 1, ms(NOW)): "not below the root",
        lambda query: authority.answer(query, 1, ms(NOW - 2 * DAY)): "states a time that is 172800",
    }
    for answer, why in answers.items():
        with stamps_served(answer) as url:
            [said] = found(folder, tmp_path, url, bank)
        assert url in said
        assert why in said
    [said] = found(folder, tmp_path, "http://127.0.0.1:1/tsa", bank)
    assert "does not answer" in said
    with stamps_served(lambda query: authority.answer(query, 1, ms(NOW))) as url:
        [said] = found(folder, tmp_path, url, bank, policy="1.2.3")
    assert "another policy" in said


def test_the_end_of_its_root_is_told_before(folder: Path, tmp_path: Path) -> None:
    bank = Bank("Time", NOW)
    later = bank.root.not_valid_after_utc - SOON + dt.timedelta(days=1)
    said = found(folder, tmp_path, "http://127.0.0.1:1/tsa", bank, later)
    assert any("the root of the authority for time stamps ends on" in one for one in said)


def test_the_doctor_asks_so() -> None:
    assert SERVICE.look is examine
