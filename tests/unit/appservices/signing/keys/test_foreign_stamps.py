"""Answers of other authorities for time stamps: what is taken, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.keys.core.foreign_stamps import believed_token, token_of_anybody
from appservices.signing.stamps.core import RequestError, StampAuthority, refusal
from tests.support.bank import Bank
from tests.support.signing import NOW, Office, ms
from tests.support.tables import each_row
from tests.support.tsa import OpensslAuthority
from veche.documents.pki import der
from veche.documents.pki.cms import CmsError, der_of
from veche.documents.pki.stamps import StampRequest, read_token
from veche.documents.signatures.checking import SignatureFault, stamper_of

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = StampRequest(bytes(range(32)), 7)


@pytest.fixture(scope="module")
def authority() -> StampAuthority:
    who = Office().stamping
    return StampAuthority(who.certificate, who.key, STAMP_POLICY)


def test_the_token_is_taken_out_of_the_answer(authority: StampAuthority) -> None:
    answer = authority.answer(REQUEST.encoded(), 1, ms(NOW))

    assert answer.endswith(token_of_anybody(answer, REQUEST))


@pytest.mark.parametrize("other", [StampRequest(bytes(32), 7), StampRequest(REQUEST.imprint, 8)])
def test_a_token_over_something_else_is_refused(
    authority: StampAuthority, other: StampRequest
) -> None:
    answer = authority.answer(other.encoded(), 1, ms(NOW))

    with pytest.raises(CmsError, match="something else"):
        token_of_anybody(answer, REQUEST)


def test_a_refusal_is_told_in_its_words() -> None:
    answer = refusal(RequestError(RequestError.BAD_ALGORITHM, "Only SHA-256 is stamped."))

    with pytest.raises(CmsError, match=r"refused: Only SHA-256 is stamped\."):
        token_of_anybody(answer, REQUEST)


@each_row(
    "answer",
    [
        b"",
        b"<html>",
        der.sequence(der.sequence()),
        der.sequence(der.sequence(der.integer(0)), der.sequence()),
        der.sequence(der.sequence(der.integer(0)), der.sequence(der.oid("1.2"), der.tlv(0xA0))),
    ],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(CmsError):
        token_of_anybody(answer, REQUEST)


def test_of_a_stamp_as_openssl_writes_it_no_byte_that_says_something_can_be_another(
    tmp_path: Path,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    bank = Bank("Bank", NOW, list_url="")
    tsa = OpensslAuthority(tmp_path, bank.issue_stamper(key), key, [bank.root])
    token, _ = believed_token(tsa.answer(REQUEST.encoded()), REQUEST)
    at_ms = read_token(token).at_ms

    believed = 0
    for at in range(0, len(token), 7):
        changed = bytearray(token)
        changed[at] ^= 1
        try:
            stamp = read_token(bytes(changed))
            by = stamper_of(stamp, REQUEST.imprint)
        except (CmsError, SignatureFault):
            continue
        believed += 1  # A byte of the root that travels with it, which nobody has to believe.
        assert (stamp.at_ms, stamp.nonce, by) == (at_ms, REQUEST.nonce, tsa.certificate)
    assert believed < len(der_of(bank.root)) // 7 + 2


def test_who_stamps_has_to_be_for_that() -> None:
    who = Office().person("Alice Adams", b"document")
    maker = StampAuthority(who.certificate, who.key, STAMP_POLICY)
    answer = maker.answer(REQUEST.encoded(), 1, ms(NOW))

    with pytest.raises(CmsError, match="not for time stamps"):
        believed_token(answer, REQUEST)


def test_a_serial_number_is_no_nonce() -> None:
    who = Office().stamping
    maker = StampAuthority(who.certificate, who.key, STAMP_POLICY)
    without = StampRequest(REQUEST.imprint)
    answer = maker.answer(without.encoded(), REQUEST.nonce or 0, ms(NOW))

    with pytest.raises(CmsError, match="something else"):
        believed_token(answer, REQUEST)
