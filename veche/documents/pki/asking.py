"""Questions to OCSP responders, and what makes their answers worth keeping.

Certificates are named in questions by SHA-1, which every responder knows (RFC 5019 §2.1.1); nothing
is signed by it.

Source: RFC 6960 §4.1 (questions), RFC 8954 (nonces).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import OCSPNonce
from cryptography.x509.ocsp import OCSPRequestBuilder

from veche.documents.pki import ocsp
from veche.documents.pki.cms import der_of
from veche.documents.pki.revocation import is_answer
from veche.documents.pki.stated import responders_of
from veche.documents.pki.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate

KIND: Final = "application/ocsp-request"
"""Content type of a question."""
NONCE_BYTES: Final = 32
"""As RFC 8954 §2.1 recommends; a responder may leave it out of its answer."""


@attrs.frozen
class Question:
    """A question whether a certificate was revoked.

    Attributes:
        address: Of the responder, as the certificate says it.
        encoded: What is sent there, DER.
    """

    address: str
    encoded: bytes


def question_about(certificate: Certificate, issuer: Certificate, nonce: bytes = b"") -> bytes:
    """DER of the question whether a certificate was revoked.

    Args:
        certificate: Which.
        issuer: Who has issued it.
        nonce: 1 to 32 bytes that the answer has to repeat, if its responder can; empty: none.
    """
    asked = OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1())  # noqa: S303 -- see above
    if nonce:
        asked = asked.add_extension(OCSPNonce(nonce), critical=False)
    return asked.build().public_bytes(Encoding.DER)


def questions_about(
    certificates: Iterable[Certificate], known: Sequence[Certificate]
) -> list[Question]:
    """List the questions about certificates, each once; none about unknown issuers.

    Args:
        certificates: Whoever made them chose the addresses.
        known: Those among which their issuers are.
    """
    trust = Trust((), map(der_of, known), ())
    found = [
        Question(address, question_about(one, issuer))
        for one in certificates
        if (issuer := trust.issuer_of(one)) is not None and issuer != one
        for address in responders_of(one)
    ]
    return list(dict.fromkeys(found))


def serials_in(encoded: bytes) -> set[int]:
    """Read of which certificates an answer speaks: their serial numbers; empty: it is no answer."""
    try:
        states = ocsp.read_answer(encoded).states if is_answer(encoded) else ()
    except ocsp.OcspError:
        return set()
    return {one.about.serial for one in states}


def check_answer(
    encoded: bytes,
    asked: tuple[Certificate, Certificate],
    known: Sequence[Certificate],
    nonce: bytes,
) -> ocsp.Answer:
    """Read an answer that is to a question, by somebody who may answer, and says something.

    Args:
        encoded: The answer that came, DER.
        asked: The certificate, and who has issued it.
        known: Others, among which the responder's may be.
        nonce: Of the question.

    Raises:
        OcspError: It is none, or not of this kind; the message says why.
    """
    answer = ocsp.read_answer(encoded)
    if answer.nonce is not None and nonce and answer.nonce != nonce:
        raise ocsp.OcspError("the answer is to another question")
    said = [one for one in answer.states if ocsp.is_about(one.about, *asked)]
    if not said:
        raise ocsp.OcspError("the answer is about another certificate")
    if all(one.status is ocsp.Status.UNKNOWN for one in said):
        raise ocsp.OcspError("the responder does not know the certificate")
    if Trust((), map(der_of, known), ()).may_acquit(answer, asked[1]) is None:
        raise ocsp.OcspError("who answers is no responder of the certificate's issuer")
    return answer
