"""Questions to responders, and which answers are worth keeping."""

from __future__ import annotations

import functools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp as theirs

from tests.support.bank import Bank
from tests.support.responders import Responder
from tests.support.signing import NOW, new_key
from tests.support.tables import each_row
from tests.unit.veche.documents.pki import test_ocsp as answers
from veche.documents.pki import der
from veche.documents.pki.asking import check_answer, question_about, questions_about
from veche.documents.pki.ocsp import OcspError

NONCE = b"0123456789abcdef"


@functools.cache
def bank() -> Bank:
    return Bank("Bank", NOW, responder_url="http://answers.example.org/ocsp")


@functools.cache
def bob() -> x509.Certificate:
    return bank().issue("Bob", new_key())


def _asked() -> tuple[x509.Certificate, x509.Certificate]:
    return answers.bob().certificate, answers.office().issuing.certificate


def _check(encoded: bytes, nonce: bytes = NONCE, *known: x509.Certificate) -> None:
    check_answer(encoded, _asked(), known, nonce)


def test_others_read_the_question() -> None:
    asked = theirs.load_der_ocsp_request(question_about(bob(), bank().root, NONCE))

    known = (
        theirs.OCSPRequestBuilder()
        .add_certificate(
            bob(),
            bank().root,
            hashes.SHA1(),  # noqa: S303 -- names an issuer, signs nothing
        )
        .build()
    )
    assert asked.serial_number == bob().serial_number
    assert asked.issuer_key_hash == known.issuer_key_hash
    assert asked.issuer_name_hash == known.issuer_name_hash
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == NONCE


def test_each_responder_is_asked_once_about_certificates_of_known_issuers() -> None:
    stranger = Bank("Other", NOW, responder_url="http://other.example.org").issue("Eve", new_key())
    silent = Bank("Silent", NOW)

    found = questions_about(
        [bob(), bob(), stranger, silent.issue("Dan", new_key()), bank().root],
        [bank().root, silent.root],
    )

    assert [one.address for one in found] == ["http://answers.example.org/ocsp"]
    assert found[0].encoded == question_about(bob(), bank().root)


@pytest.mark.parametrize("nonce", [NONCE, b""], ids=["repeated", "left out"])
def test_an_answer_that_counts_is_kept(nonce: bytes) -> None:
    _check(answers.delegate().answer(answers.said(), at=NOW, nonce=nonce))
    _check(answers.delegate().answer(answers.said(since=NOW), at=NOW, nonce=nonce))


@each_row(
    ("encoded", "why"),
    [
        (lambda: answers.delegate().answer(answers.said(), at=NOW, nonce=b"x" * 16), "question"),
        (lambda: answers.delegate().answer(answers.said(is_known=False), at=NOW), "know"),
        (lambda: answers.CASES["of another certificate"].make()[0], "another certificate"),
        (lambda: answers.CASES["responder of a stranger"].make()[0], "no responder"),
        (lambda: answers.CASES["without a certificate"].make()[0], "no responder"),
        (
            lambda: Responder(answers.issuer().certificate, new_key()).answer(
                answers.said(), at=NOW
            ),
            "no responder",
        ),
        (lambda: der.sequence(der.tlv(10, b"\x06")), "no answer"),
    ],
)
def test_other_answers_are_told_apart(encoded: object, why: str) -> None:
    assert callable(encoded)
    with pytest.raises(OcspError, match=why):
        _check(encoded())


def test_the_responders_certificate_may_be_known_from_elsewhere() -> None:
    silent = answers.CASES["without a certificate"].make()[0]

    _check(silent, NONCE, answers.delegate().certificate)
