"""Answers of other authorities for time stamps: what is taken, what is refused."""

from __future__ import annotations

import pytest

from tests.support.signing import NOW, Office, ms
from veche.protocol.signatures import der
from veche.protocol.signatures.certificates import STAMP_POLICY
from veche.protocol.signatures.cms import CmsError
from veche.protocol.signatures.foreign_stamps import token_of_anybody
from veche.protocol.signatures.stamps import RequestError, StampAuthority, StampRequest, refusal

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


@pytest.mark.parametrize(
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
