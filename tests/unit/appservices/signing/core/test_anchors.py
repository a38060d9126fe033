"""Which certificates from elsewhere are taken, at which level, and why the others are not."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from appservices.signing.authority.core.anchors import (
    CHAIN_MAX,
    Anchor,
    OwnCertificateError,
    check_own,
)
from appservices.signing.authority.core.levels import Level
from tests.support.bank import DAY, QUALIFIED, Bank
from tests.support.signing import NOW, Office
from tests.support.tables import each_row
from veche.documents.pki.cms import der_of

KEY: Final = ec.generate_private_key(ec.SECP256R1())
BANK: Final = Bank("Bank", NOW)
TRUST: Final = Bank("Trust", NOW)
OWN: Final = Anchor("Bank", BANK.root, Level.OWN)
SURE: Final = Anchor("Trust", TRUST.root, Level.QUALIFIED, frozenset({QUALIFIED}))


def issued(bank: Bank = BANK, key: Any = KEY, **how: Any) -> bytes:
    return der_of(bank.issue("Bob Brown", key, **how))


def why(chain: list[bytes], anchors: tuple[Anchor, ...] = (OWN, SURE)) -> str:
    with pytest.raises(OwnCertificateError) as refused:
        check_own(chain, anchors, NOW)
    return str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65_537, 2048),
    ],
)
def test_a_certificate_is_taken_at_the_level_of_its_anchor(key: Any) -> None:
    own = check_own([issued(key=key)], (OWN, SURE), NOW)
    sure = check_own([issued(TRUST, key)], (OWN, SURE), NOW)

    assert (own.level, own.anchor) == (Level.OWN, OWN)
    assert (sure.level, sure.anchor) == (Level.QUALIFIED, SURE)


def test_of_two_anchors_the_higher_level_counts_and_only_with_its_policy() -> None:
    same = Anchor("Bank, qualified", BANK.root, Level.QUALIFIED, frozenset({QUALIFIED}))

    assert check_own([issued()], (OWN, same), NOW).anchor == same
    assert check_own([issued(policies=["1.2.3"])], (same, OWN), NOW).anchor == OWN
    assert "none of the policies" in why([issued(policies=[])], (same,))


@each_row(
    ("chain", "words"),
    [
        ([issued(begins=NOW - 9 * DAY, ends=NOW - DAY)], "ended on 2026-11-25"),
        ([issued(begins=NOW + DAY)], "begins only on 2026-11-27"),
        ([issued(key=ec.generate_private_key(ec.SECP521R1()))], "too weak or of another kind"),
        ([issued(is_for_logging_in=True)], "not for signing documents"),
        ([der_of(BANK.root)], "not for signing documents"),
        ([issued(Bank("Bank", NOW))], "of nobody whose certificates are taken here: Bank, Trust"),
        ([issued(), b"garbage"], "cannot be read"),
        ([b"\x30\x00"], "cannot be read"),
        ([issued(Bank("Other", NOW)), der_of(BANK.root)], "of nobody"),
        ([der_of(Office(NOW).person("Bob", b"a document").certificate)], "as those of a service"),
    ],
)
def test_each_that_is_not_taken_is_refused_with_its_reason(chain: list[bytes], words: str) -> None:
    assert words in why(chain)


def test_without_anchors_nothing_is_taken() -> None:
    assert "No certificates from elsewhere" in why([issued()], ())


def test_it_is_taken_on_its_last_second_and_not_on_the_next() -> None:
    ends = NOW + DAY
    chain = [issued(ends=ends)]

    assert check_own(chain, (OWN,), ends).anchor == OWN
    with pytest.raises(OwnCertificateError, match="ended on"):
        check_own(chain, (OWN,), ends + dt.timedelta(seconds=1))


def test_no_more_certificates_are_looked_at_than_may_be_given() -> None:
    rest = [der_of(TRUST.root)] * (CHAIN_MAX - 1)

    assert check_own([issued(), *rest, b"garbage"], (OWN,), NOW).anchor == OWN
    assert "cannot be read" in why([issued(), *rest[1:], b"garbage"])
