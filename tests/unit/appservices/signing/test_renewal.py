"""Files outlive their certificates if they are renewed: two days to 24 years, and what ends it."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, ClassVar

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Authority, Holder, Revoked, revocation_list
from appservices.signing.renewal.core import (
    NotRenewedError,
    Stamper,
    begin_renewal,
    finish_renewal,
    renew_before_ms,
)
from tests.support.containers import closed as closed_container
from tests.support.containers import made
from tests.support.forgery import FORGED, find, increment, page
from tests.support.signing import NOW, YEAR, Office, fresh, ms, with_boxes
from tests.support.tables import each_row
from veche.documents.asic.container import prepare_closing, read_container
from veche.documents.pdf.signing import Proofs
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA256, SHA384, SHA512
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.documents.asic.container import Prepared
    from veche.documents.pki.digests import Hash
    from veche.documents.signatures.report import Report

DAY = dt.timedelta(days=1)
P256_ENDS = {"secp256r1": NOW + 20 * YEAR}


class Town:
    """An office whose files live long: signed on one day, closed two days later.

    Attributes:
        heir: The same town's next root, from its 22nd year.
        stampings: Who has stamped, the newest last.
    """

    def __init__(self) -> None:
        self.office = Office()
        self.heir = Office(NOW + 22 * YEAR)
        self.stampings = [self.office.stamping]
        document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
        self.person = self.office.person("Alice Adams", document)
        signed = self.person.sign(document, "Sig1")
        self.pdf = self.office.close(signed, NOW + 2 * DAY)
        container = made(self.office)
        self.container = closed_container(self.office, container, NOW + 2 * DAY)

    def lists(self, now: dt.datetime, extra: Sequence[bytes] = ()) -> list[bytes]:
        """The newest lists of authorities and stamps."""
        held = [self.office.issuing, *self.stampings]
        alive = [one.certificate for one in held if one.certificate.not_valid_after_utc > now]
        return [*(self.office_of(one).list_of(one, now) for one in alive), *extra]

    def office_of(self, certificate: x509.Certificate) -> Office:
        """Below whose root it is."""
        year = dt.timedelta(minutes=1) + certificate.not_valid_before_utc - NOW
        return self.office if year < 22 * YEAR else self.heir

    def by(self, now: dt.datetime, *, is_online: bool = True) -> Trusted:
        roots = [self.office.root.certificate, self.heir.root.certificate]
        return Trusted(roots, now, self.lists(now) if is_online else ())

    def renewed(self, data: bytes, now: dt.datetime) -> bytes:
        """Renewed by a new authority for stamps, since the key of the old one is gone."""
        office = self.office if now < self.heir.now else self.heir
        stamping = office.new_stamping(now)
        self.stampings.append(stamping)
        stamper = Stamper(
            [der_of(stamping.certificate)], lambda digest: self.office.token(digest, now, stamping)
        )
        return renew(data, self.by(now), stamper)

    def at(self, data: bytes, years: float, *, is_online: bool = True) -> Report:
        return judge_file(data, self.by(NOW + years * YEAR, is_online=is_online))


def renew(data: bytes, by: Trusted, stamper: Stamper) -> bytes:
    """The file with another stamp over all of it."""
    renewal = begin_renewal(data, by, stamper.certificates, stamper.by)
    renewed, _ = finish_renewal(renewal, by, stamper.token(renewal.digest))
    return renewed


@functools.cache
def town() -> Town:
    return Town()


@functools.cache
def histories(kind: str) -> Mapping[str, bytes]:
    """A file as it was closed, renewed after 13 years, and again after 23."""
    held = town().pdf if kind == "pdf" else town().container
    once = town().renewed(held, NOW + 13 * YEAR)
    return {"closed": held, "once": once, "twice": town().renewed(once, NOW + 23 * YEAR)}


@each_row("kind", ["pdf", "container"])
@each_row(
    ("years", "which", "offline", "online"),
    [
        (3 / 365, "closed", Verdict.SEALED, Verdict.SEALED),
        (3, "closed", Verdict.SIGNED, Verdict.SEALED),
        (12, "closed", Verdict.SIGNED, Verdict.SEALED),
        (16, "closed", Verdict.UNPROVEN, Verdict.UNPROVEN),
        (24, "closed", Verdict.UNPROVEN, Verdict.UNPROVEN),
        (13.5, "once", Verdict.SEALED, Verdict.SEALED),
        (16, "once", Verdict.SIGNED, Verdict.SEALED),
        (24, "once", Verdict.SIGNED, Verdict.SEALED),
        (24, "twice", Verdict.SEALED, Verdict.SEALED),
        # The first root ends after 25 years.
        (26, "once", Verdict.UNPROVEN, Verdict.UNPROVEN),
        (26, "twice", Verdict.SIGNED, Verdict.SEALED),
        (37, "twice", Verdict.SIGNED, Verdict.SEALED),
    ],
)
def test_a_file_outlives_its_certificates(
    kind: str, years: float, which: str, offline: Verdict, online: Verdict
) -> None:
    data = histories(kind)[which]

    assert town().at(data, years, is_online=False).verdict is offline
    assert town().at(data, years).verdict is online


def test_a_file_is_to_be_renewed_a_year_before_its_last_stamp_ends() -> None:
    held = histories("pdf")
    first, second = (one.certificate.not_valid_after_utc for one in town().stampings[:2])

    assert renew_before_ms(town().at(held["closed"], 1)) == ms(first - YEAR)
    assert renew_before_ms(town().at(held["once"], 14)) == ms(second - YEAR)
    assert renew_before_ms(judge_file(page("x"), town().by(NOW))) is None


def test_a_renewal_adds_little_and_takes_nothing_away() -> None:
    held = histories("pdf")

    assert held["once"].startswith(held["closed"])
    assert len(held["once"]) - len(held["closed"]) < 12_000
    found = town().at(held["twice"], 24)
    assert [one.name for one in found.signers] == ["Alice Adams"]
    assert all(one.is_proven for one in found.signers)


def _stamper(now: dt.datetime) -> Stamper:
    stamping = town().office.stamping
    return Stamper(
        [der_of(stamping.certificate)],
        lambda digest: town().office.token(digest, now, stamping),
    )


def _changed() -> bytes:
    number, _ = find(town().pdf, b"Tj ET")
    return increment(town().pdf, {number: FORGED})


@each_row(
    ("data", "years"),
    [
        (lambda: page("x"), 1),
        (lambda: b"hello", 1),
        (_changed, 1),
        (lambda: town().pdf, 16),
        (lambda: Town().pdf, 1),
        (lambda: with_boxes(page("x"), ["Sig1"]), 1),
    ],
)
def test_what_is_not_proven_is_not_renewed(data: object, years: float) -> None:
    now = NOW + years * YEAR
    with pytest.raises(NotRenewedError):
        renew(data(), town().by(now), _stamper(now))  # type: ignore[operator]


def test_what_is_not_closed_is_closed_first() -> None:
    document = with_boxes(page("Pay"), ["Sig1"])
    signed = town().office.person("Alice", document).sign(document, "Sig1")

    with pytest.raises(NotRenewedError, match="tail_not_time_stamped"):
        renew(signed, town().by(NOW + DAY), _stamper(NOW + DAY))


def test_a_stamp_that_does_not_last_longer_is_none() -> None:
    now = NOW + 13 * YEAR
    with pytest.raises(NotRenewedError, match="not last longer"):
        renew(town().pdf, town().by(now), _stamper(now))


def test_an_authority_whose_clock_is_wrong_or_that_nobody_knows_is_not_taken() -> None:
    now = NOW + 13 * YEAR
    stranger = Office(now - DAY)
    unknown = Stamper(
        [der_of(stranger.stamping.certificate)], lambda digest: stranger.token(digest, now)
    )
    late = town().office.new_stamping(now)
    wrong = Stamper(
        [der_of(late.certificate)],
        lambda digest: town().office.token(digest, now + DAY, late),
    )
    no_token = Stamper([der_of(late.certificate)], lambda _: b"hello")

    for one, why in ((unknown, "when_is"), (wrong, "clock"), (no_token, "encoded")):
        with pytest.raises(NotRenewedError, match=why):
            renew(town().pdf, town().by(now), one)


def _revoked(since: dt.datetime) -> bytes:
    why = Revoked(since, x509.ReasonFlags.key_compromise)
    issuing, person = town().office.issuing, town().person.certificate
    made_ = revocation_list(issuing, person, since + DAY, why)
    return made_.public_bytes(Encoding.DER)


@each_row(
    ("since", "years", "verdict"),
    [
        (NOW - DAY, 0.1, Verdict.INVALID),
        (NOW - DAY, 14, Verdict.INVALID),
        (NOW + DAY, 0.1, Verdict.SEALED),
        (NOW + DAY, 14, Verdict.SEALED),
    ],
)
def test_who_is_revoked_before_signing_is_red_and_after_it_is_not(
    since: dt.datetime, years: float, verdict: Verdict
) -> None:
    now, data = NOW + years * YEAR, histories("pdf")["closed" if years < 13 else "once"]
    trusted = Trusted([town().office.root.certificate], now, [*town().lists(now), _revoked(since)])

    assert judge_file(data, trusted).verdict is verdict


def test_fraud_that_is_found_out_after_the_certificate_ended_is_red_too() -> None:
    late = NOW + 3 * YEAR
    why = Revoked(NOW - DAY, x509.ReasonFlags.key_compromise)
    issuing, person = town().office.issuing, town().person.certificate
    listed = revocation_list(issuing, person, late, why).public_bytes(Encoding.DER)
    root = [town().office.root.certificate]

    found = judge_file(town().pdf, Trusted(root, late, [*town().lists(late), listed]))

    assert found.verdict is Verdict.INVALID


def test_a_revoked_signer_is_not_renewed_and_no_list_of_a_person_is_added() -> None:
    now = NOW + 13 * YEAR
    stamping = town().office.new_stamping(now)
    stamper = Stamper(
        [der_of(stamping.certificate)], lambda digest: town().office.token(digest, now, stamping)
    )
    lists = [*town().lists(now), town().office.list_of(stamping.certificate, now)]
    root = [town().office.root.certificate]

    with pytest.raises(NotRenewedError, match="revoked"):
        renew(town().pdf, Trusted(root, now, [*lists, _revoked(NOW - DAY)]), stamper)
    after = _revoked(NOW + DAY)
    renewed = renew(town().pdf, Trusted(root, now, [*lists, after]), stamper)

    assert after not in renewed
    assert lists[0] in renewed


def _stronger() -> tuple[x509.Certificate, Authority]:
    """A root and an authority for stamps whose keys are of the curve P-384."""
    now = NOW + 19 * YEAR
    key, stamping = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    serial = x509.random_serial_number()
    root = issuing.root_certificate(key, Holder("New Root"), serial, now)
    above = Authority(root, key)
    made_ = issuing.stamps_certificate(above, stamping.public_key(), Holder("New Time"), fresh(now))
    return root, Authority(made_, stamping)


def test_what_is_stamped_anew_before_an_algorithm_ends_stays_proven() -> None:
    now, later = NOW + 19 * YEAR, NOW + 22 * YEAR
    root, stamping = _stronger()
    roots = [town().office.root.certificate, root]
    stamper = Stamper(
        [der_of(stamping.certificate)], lambda digest: town().office.token(digest, now, stamping)
    )
    held = histories("pdf")["once"]

    def trusted(at: dt.datetime) -> Trusted:
        return Trusted(roots, at, town().lists(at), P256_ENDS)

    before = judge_file(held, trusted(now))
    assert before.proven_until_ms == ms(P256_ENDS["secp256r1"])
    renewed = renew(held, trusted(now), stamper)

    # Without a list about the new authority, which has none here.
    assert judge_file(renewed, trusted(later)).verdict is Verdict.SIGNED
    missed = judge_file(held, trusted(later))
    assert missed.verdict is Verdict.UNPROVEN
    assert Reason.ALGORITHM in {one.reason for one in missed.findings}


def test_a_hash_that_ends_ends_all_that_rests_on_it() -> None:
    ends = {"sha256": NOW + YEAR}
    root = [town().office.root.certificate]

    before = judge_file(town().pdf, Trusted(root, NOW + 3 * DAY, (), ends))
    after = judge_file(town().pdf, Trusted(root, NOW + YEAR, (), ends))

    assert before.verdict is Verdict.SEALED
    assert before.proven_until_ms == ms(NOW + YEAR)
    assert after.verdict is Verdict.UNPROVEN


@attrs.frozen
class Stronger:
    """A file that was stamped anew by a longer hash, before SHA-256 ended after half a year.

    Attributes:
        stamp: The hash of the stamp.
        certificate: With which that of its authority is signed.
        listed: With which the list about it is signed.
    """

    stamp: Hash = SHA512
    certificate: Hash = SHA512
    listed: Hash = SHA512

    ends: ClassVar[Mapping[str, dt.datetime]] = {"sha256": NOW + YEAR / 2}

    def renewed(self, data: bytes) -> bytes:
        """The file, stamped before SHA-256 ends."""
        office, now = town().office, NOW + YEAR / 4
        stamping = office.new_stamping(now, self.certificate)
        stamper = Stamper(
            [der_of(stamping.certificate)],
            lambda digest: office.token(digest, now, stamping, self.stamp),
            self.stamp,
        )
        listed = office.list_of(stamping.certificate, now, self.listed)
        return renew(data, self.by(now, [*town().lists(now), listed]), stamper)

    def by(self, now: dt.datetime, lists: Sequence[bytes] = ()) -> Trusted:
        return Trusted([town().office.root.certificate], now, lists, self.ends)


def stamped_by_hashes(kind: str) -> Mapping[str, bytes]:
    """A file as it was closed, and stamped anew by each hash, with lists by others."""
    held = histories(kind)["closed"]
    return {
        "closed": held,
        "sha384": Stronger(SHA384, SHA384, SHA384).renewed(held),
        "sha512": Stronger().renewed(held),
        "another list": Stronger(listed=SHA256).renewed(held),
    }


@each_row("kind", ["pdf", "container"])
@each_row("by", [SHA384, SHA512])
def test_what_is_stamped_by_a_longer_hash_before_sha_256_ends_stays_proven(
    kind: str, by: Hash
) -> None:
    made_ = Stronger(by, by, by)
    renewed = made_.renewed(histories(kind)["closed"])

    found = judge_file(renewed, made_.by(NOW + YEAR))

    assert found.verdict is Verdict.SEALED, found.findings
    assert all(one.is_proven for one in found.signers)
    assert found.proven_until_ms is not None
    assert found.proven_until_ms > ms(NOW + 14 * YEAR)


@each_row("kind", ["pdf", "container"])
@each_row(
    ("weak", "verdict"),
    [
        ({"certificate": SHA256}, Verdict.UNPROVEN),
        ({"listed": SHA256}, Verdict.SIGNED),
    ],
)
def test_a_stamp_by_a_longer_hash_lasts_no_longer_than_what_vouches_for_it(
    kind: str, weak: Mapping[str, Hash], verdict: Verdict
) -> None:
    made_ = Stronger(**weak)
    held = histories(kind)["closed"]
    if verdict is Verdict.UNPROVEN:
        with pytest.raises(NotRenewedError, match="not last longer"):
            made_.renewed(held)
        return

    assert judge_file(made_.renewed(held), made_.by(NOW + YEAR)).verdict is verdict


def test_a_stamp_by_sha_256_does_not_outlast_it() -> None:
    with pytest.raises(NotRenewedError, match="not last longer"):
        Stronger(stamp=SHA256).renewed(town().pdf)


def test_what_sha_256_covered_after_its_end_is_not_proven_by_a_later_stamp() -> None:
    office, late = town().office, NOW + YEAR
    stamping = office.new_stamping(late, SHA512)
    proofs = Proofs(
        [der_of(stamping.certificate)], [office.list_of(stamping.certificate, late, SHA512)]
    )
    stamped = office.close(town().pdf, late, proofs, "Late", stamping, SHA512)

    assert judge_file(stamped, Stronger().by(late)).verdict is Verdict.UNPROVEN


def test_a_manifest_by_a_weaker_hash_than_its_stamp_is_broken() -> None:
    prepared = prepare_closing(made(town().office))
    token = town().office.token(SHA512.digest(manifest_of(prepared)), NOW, by=SHA512)

    found = judge_file(prepared.embed(token), town().by(NOW + DAY))

    assert found.verdict is Verdict.INVALID
    assert [one.detail for one in found.findings][:1] == ["its manifest is by another hash"]


def manifest_of(prepared: Prepared) -> bytes:
    """What a stamp that is being prepared will be over."""
    return (
        read_container(prepared.embed(town().office.token(prepared.digest, NOW))).steps[-1].manifest
    )
