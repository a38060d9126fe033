"""Time stamps of other authorities: what they answer, as far as who asks has to read it.

Source: RFC 3161 §2.4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.documents.pki import der
from veche.documents.pki.cms import CmsError
from veche.documents.pki.stamps import TST_INFO, read_token
from veche.documents.pki.stated import may_stamp
from veche.documents.signatures.checking import SignatureFault, stamper_of

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from veche.documents.pki.stamps import StampRequest

_GRANTED_WITH_CHANGES: Final = 1
_TEXT_CHARACTERS_MAX: Final = 200


def token_of_anybody(answer: bytes, request: StampRequest) -> bytes:
    """The token in a ``TimeStampResp``, if it answers the request.

    The authority may be anybody's, with keys and digests of its own: its signature is not looked
    at, which is for whoever checks the file and knows whom to trust.

    Raises:
        CmsError: It is a refusal, or answers something else; the message says which.
    """
    try:
        status, *rest = der.children(der.read_whole(answer, der.SEQUENCE))
        code, *said = der.children(status.body)
        is_granted = der.read_integer(code.body) <= _GRANTED_WITH_CHANGES
    except ValueError as e:
        raise CmsError("the answer is no time stamp") from e
    if not is_granted or not rest:
        raise CmsError(f"the time stamp is refused: {_words(said)}")
    token = rest[0].encoded
    imprint, nonces = _stated(token)
    if imprint != request.imprint or (request.nonce is not None and request.nonce not in nonces):
        raise CmsError("the time stamp is over something else")
    return token


def believed_token(answer: bytes, request: StampRequest) -> tuple[bytes, Certificate]:
    """The token in a ``TimeStampResp`` whose signature holds, and the certificate of who stamped.

    Whether that one is to be trusted is not asked.

    Raises:
        CmsError: It is a refusal, or answers something else, or is of a form that no verdict takes;
            the message says which.
    """
    token = token_of_anybody(answer, request)
    stamp = read_token(token)
    if stamp.by is not request.by or stamp.nonce != request.nonce:
        raise CmsError("the time stamp is over something else")
    try:
        certificate = stamper_of(stamp, request.imprint)
    except SignatureFault as e:
        raise CmsError(f"no verdict would take the time stamp: {e}") from e
    if not may_stamp(certificate):
        raise CmsError("the certificate of the time stamp is not for time stamps")
    return token, certificate


def _words(said: list[der.Element]) -> str:
    texts = [der.children(part.body) for part in said if part.tag == der.SEQUENCE]
    words = b" ".join(one.body for part in texts for one in part)
    return words.decode(errors="replace")[:_TEXT_CHARACTERS_MAX] or "no reason is given"


def _stated(token: bytes) -> tuple[bytes, list[int]]:
    """Imprint and nonces of a token of anybody's."""
    try:
        _, wrapped = der.children(der.read_whole(token, der.SEQUENCE))
        [signed] = der.children(wrapped.body)
        _, _, content, *_ = der.children(signed.body)
        kind, enclosed = der.children(content.body)
        [held] = der.children(enclosed.body)
        _, _, imprint, *rest = der.children(der.read_whole(held.body, der.SEQUENCE))
        _, digest = der.children(imprint.body)
        # The serial number is one of them, which does no harm: it is not chosen by who asks.
        numbers = [der.read_integer(one.body) for one in rest if one.tag == der.INTEGER]
    except ValueError as e:
        raise CmsError("the answer is no time stamp") from e
    if kind.encoded != TST_INFO:
        raise CmsError("the answer is no time stamp")
    return digest.body, numbers
