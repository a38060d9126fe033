"""`veche ca revoke`: seals and authorities; who is on a list stays there."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.authority.service.lists import FolderLists, is_listed
from appservices.signing.commands import ca as cli
from appservices.signing.stamps.service.sealing import Seals
from tests.support.signing import ms
from tests.unit.appservices.signing.test_cli import SITE, Authority
from veche.protocol.errors import ConfigError, ForbiddenError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ca(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Authority:
    one = Authority(tmp_path, capsys)
    one("init", "Lindenau", "--site", SITE, "--seal", "town", "Town of Lindenau")
    return one


def _entry(ca: Authority) -> x509.RevokedCertificate | None:
    known = read_authorities(ca.folder)
    certificate = known.seals["town"].certificate
    held = x509.load_der_x509_crl(known.list_of(certificate))
    return held.get_revoked_certificate_by_serial_number(certificate.serial_number)


def _serial(ca: Authority) -> str:
    return f"{read_authorities(ca.folder).seals['town'].certificate.serial_number:x}"


def test_a_revoked_seal_seals_no_more_without_a_restart(ca: Authority) -> None:
    known, now = read_authorities(ca.folder), dt.datetime.now(dt.UTC)  # noqa: TID251 -- as above
    seals = Seals(known)
    assert seals.view("town", ms(now)).name == "Town of Lindenau"
    assert seals.is_good("town", ms(now))

    code, said = ca("revoke", _serial(ca).upper(), "--reason", "key_compromise")

    assert code == 0
    assert "says so at once" in said
    assert known.is_revoked(known.seals["town"].certificate)
    for work in (lambda: seals.view("town", ms(now)), lambda: seals.seal("town", bytes(32), 0)):
        with pytest.raises(ForbiddenError, match="revoked: the operator has to make another"):
            work()
    assert not seals.is_good("town", ms(now))
    assert "REVOKED from" in ca("show")[1]
    entry = _entry(ca)
    assert entry is not None
    assert entry.revocation_date_utc == known.seals["town"].certificate.not_valid_before_utc


def test_what_was_signed_before_can_stay_good(ca: Authority) -> None:
    since = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- the command's clock

    ca("revoke", _serial(ca), "--reason", "superseded", "--since", since.isoformat())

    entry = _entry(ca)
    assert entry is not None
    assert entry.revocation_date_utc == since
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.superseded


def test_new_lists_take_nobody_off(ca: Authority) -> None:
    since = "2026-01-01T00:00"
    ca("revoke", _serial(ca), "--reason", "superseded", "--since", since)

    ca("lists")
    code, said = ca("revoke", _serial(ca), "--reason", "key_compromise")

    assert code == 1
    assert "after 2026-01-01T00:00" in said
    entry = _entry(ca)
    assert entry is not None
    assert entry.revocation_date_utc == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_a_theft_that_was_earlier_than_it_seemed_is_put_earlier(ca: Authority) -> None:
    ca("revoke", _serial(ca), "--reason", "key_compromise", "--since", "2026-03-01T00:00")

    code, said = ca("revoke", _serial(ca), "--reason", "key_compromise", "--since", "2026-01-01")

    assert code == 0, said
    entry = _entry(ca)
    assert entry is not None
    assert entry.revocation_date_utc == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_another_seal_takes_the_place_of_a_revoked_one_which_stays_on_its_list(
    ca: Authority,
) -> None:
    old = read_authorities(ca.folder).seals["town"].certificate
    ca("revoke", _serial(ca), "--reason", "key_compromise")

    code, said = ca("seal", "town", "Town of Lindenau", "--site", SITE)

    assert code == 0, said
    known = read_authorities(ca.folder)
    made = known.seals["town"].certificate
    assert made.serial_number != old.serial_number
    assert Seals(known).is_good("town", ms(made.not_valid_before_utc))
    assert ca("lists")[0] == 0
    assert is_listed(known.lists[old.serial_number], old)
    assert not is_listed(known.lists[made.serial_number], made)
    assert ca("seal", "town", "Town of Lindenau", "--site", SITE)[0] == 1


def test_another_seal_takes_the_place_of_one_in_its_last_year(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = read_authorities(ca.folder).seals["town"].certificate
    seals = Seals(read_authorities(ca.folder))
    ends = old.not_valid_after_utc
    assert seals.is_good("town", ms(ends) - 1)
    assert not seals.is_good("town", ms(ends))
    with pytest.raises(ForbiddenError, match=f"good until {ends:%Y-%m-%d}"):
        seals.seal("town", bytes(32), ms(ends))

    monkeypatch.setattr(cli, "_now", lambda: ends - cli.SEAL_AGAIN - dt.timedelta(days=1))
    assert ca("seal", "town", "Town of Lindenau", "--site", SITE)[0] == 1
    monkeypatch.setattr(cli, "_now", lambda: ends - cli.SEAL_AGAIN)
    code, said = ca("seal", "town", "Town of Lindenau", "--site", SITE)

    assert code == 0, said
    made = read_authorities(ca.folder).seals["town"].certificate
    assert made.not_valid_after_utc > ends
    assert (ca.folder / "former" / f"{old.serial_number:x}.pem").exists()


def test_what_cannot_be_revoked_is_said(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    root = f"{read_authorities(ca.folder).root.serial_number:x}"
    monkeypatch.delenv("VECHE_CONFIG", raising=False)
    monkeypatch.chdir(ca.folder)
    for words, why in (
        (("abc1", "--reason", "superseded"), "no seal and no authority"),
        ((root, "--reason", "superseded"), "the root cannot be revoked"),
        (("xyz", "--reason", "superseded"), "is no number"),
        ((_serial(ca), "--reason", "superseded", "--since", "2999-01-01"), "is not yet"),
        ((_serial(ca), "--reason", "superseded", "--since", "soon"), "should be as"),
    ):
        code, said = ca("revoke", *words)
        assert code == 1
        assert why in said
    assert _entry(ca) is None


def test_a_list_that_is_being_written_does_not_take_the_place_of_the_old_one(
    ca: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    known = read_authorities(ca.folder)
    certificate = known.seals["town"].certificate
    before = known.list_of(certificate)
    path = ca.folder / "lists" / f"{certificate.serial_number:x}.crl"

    path.write_bytes(before[:100])

    assert known.list_of(certificate) == before
    assert "cannot be read" in caplog.text
    assert not is_listed(before, certificate)
    with pytest.raises(ConfigError):
        FolderLists(path.parent, "again")
    assert known.lists.get(1) is None


def test_the_authority_for_stamps_is_made_anew_and_the_one_before_keeps_its_list(
    ca: Authority,
) -> None:
    before = read_authorities(ca.folder)
    old_key = (ca.folder / "stamps.key").read_bytes()

    code, said = ca("stamps", "--site", SITE)

    assert code == 0
    assert "Restart" in said
    after = read_authorities(ca.folder)
    old = before.stamps.certificate
    assert after.stamps.certificate.subject == old.subject
    assert after.stamps.certificate.serial_number != old.serial_number
    assert not any(old_key == path.read_bytes() for path in ca.folder.rglob("*.key"))
    former = ca.folder / "former" / f"{old.serial_number:x}.pem"
    assert x509.load_pem_x509_certificate(former.read_bytes()) == old
    listed = after.lists[old.serial_number]
    assert ca("lists")[0] == 0
    assert after.lists[old.serial_number] != listed
    code, _ = ca("revoke", f"{old.serial_number:x}", "--reason", "superseded")
    assert code == 0
    assert is_listed(after.lists[old.serial_number], old)
