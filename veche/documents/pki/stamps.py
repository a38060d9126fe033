"""Time stamps: tokens, requests for them, answers.

A stamp is signed with the hash over which it is asked for.

Source: RFC 3161, RFC 5816 (SHA-256 certificate ids).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.hazmat.primitives.asymmetric import ec

from veche.documents.pki import der
from veche.documents.pki.cms import CmsError, Signer, read_signed_data
from veche.documents.pki.digests import HASHES, SHA256, hash_of

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from veche.documents.pki.cms import SignedData
    from veche.documents.pki.digests import Hash

TST_INFO: Final = der.oid("1.2.840.113549.1.9.16.1.4")
REQUEST_BYTES_MAX: Final = 1024
NONCE_BYTES_MAX: Final = 16
ACCURACY_S: Final = 1
"""Our clock's distance from the right time, at most."""
_NULL: Final = der.tlv(der.NULL)
_TIME: Final = re.compile(rb"(\d{14})(?:\.(\d{0,5}[1-9]))?Z")
_FAILURE_INFO: Final = 0x03
_REJECTION: Final = 2


class RequestError(ValueError):
    """A request that no token answers.

    Attributes:
        failure: Bit of ``PKIFailureInfo`` (RFC 3161 §2.4.2).
    """

    BAD_ALGORITHM: Final = 0
    BAD_REQUEST: Final = 2
    BAD_DATA_FORMAT: Final = 5
    UNACCEPTED_POLICY: Final = 15
    UNACCEPTED_EXTENSION: Final = 16
    TIME_NOT_AVAILABLE: Final = 14

    def __init__(self, failure: int, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@attrs.frozen
class StampRequest:
    """What somebody asks a time stamp for.

    Attributes:
        imprint: The digest of it.
        nonce: A number that the token repeats; None if there is none.
        by: The hash of the imprint.
    """

    imprint: bytes
    nonce: int | None = None
    by: Hash = SHA256

    def encoded(self) -> bytes:
        """``TimeStampReq`` that asks for the authority's certificate too."""
        nonce = der.integer(self.nonce) if self.nonce is not None else b""
        wants_certificate = der.tlv(der.BOOLEAN, b"\xff")
        imprint = der.sequence(self.by.identifier, der.octets(self.imprint))
        return der.sequence(der.integer(1), imprint, nonce, wants_certificate)


class StampAuthority:
    """Makes tokens. It has no clock and no randomness: the caller gives both."""

    def __init__(
        self, certificate: Certificate, key: ec.EllipticCurvePrivateKey, policy: str
    ) -> None:
        """Make it.

        Args:
            certificate: With the one extended use ``timeStamping``.
            key: Of the certificate, P-256.
            policy: OID under which it stamps.
        """
        self._signers = {by: Signer(certificate, by=by) for by in HASHES}
        self._key = key
        self._policy = der.oid(policy)

    def token(self, request: StampRequest, serial: int, now_ms: int) -> bytes:
        """A ``TimeStampToken``.

        Args:
            request: What to stamp.
            serial: Never given twice; below 2**159.
            now_ms: The time, UTC; whole seconds of it are stated.
        """
        when = dt.datetime.fromtimestamp(now_ms // 1000, tz=dt.UTC).strftime("%Y%m%d%H%M%SZ")
        info = der.sequence(
            der.integer(1),
            self._policy,
            der.sequence(der.sequence(request.by.oid, _NULL), der.octets(request.imprint)),
            der.integer(serial),
            der.tlv(der.GENERALIZED_TIME, when.encode()),
            der.sequence(der.integer(ACCURACY_S)),
            der.integer(request.nonce) if request.nonce is not None else b"",
        )
        signer = self._signers[request.by]
        attributes = signer.signed_attributes(request.by.digest(info), TST_INFO)
        signature = self._key.sign(attributes, ec.ECDSA(request.by.for_keys))
        return signer.enclosing(TST_INFO, info, attributes, signature)

    def answer(self, body: bytes, serial: int, now_ms: int) -> bytes:
        """What ``application/timestamp-query`` is answered with, also if it is refused."""
        try:
            request = read_request(body, self._policy)
        except RequestError as e:
            return refusal(e)
        return granted(self.token(request, serial, now_ms))


def granted(token: bytes) -> bytes:
    """``TimeStampResp`` with a token."""
    return der.sequence(der.sequence(der.integer(0)), token)


def refusal(error: RequestError) -> bytes:
    """``TimeStampResp`` without a token."""
    text = der.sequence(der.tlv(0x0C, str(error).encode()))
    size, bit = divmod(error.failure, 8)
    unused = 7 - bit
    bits = bytes((unused,)) + bytes(size) + bytes((1 << unused,))
    status = der.sequence(der.integer(_REJECTION), text, der.tlv(_FAILURE_INFO, bits))
    return der.sequence(status)


def read_request(body: bytes, policy: bytes) -> StampRequest:
    """Read a ``TimeStampReq`` (RFC 3161 §2.4.1).

    Raises:
        RequestError: It is not one, or asks for what we don't do; the error says which.
    """
    if len(body) > REQUEST_BYTES_MAX:
        raise RequestError(
            RequestError.BAD_REQUEST, f"The request is above {REQUEST_BYTES_MAX} bytes."
        )
    try:
        version, imprint, *rest = der.children(der.read_whole(body, der.SEQUENCE))
        algorithm, digest = der.members(imprint.body, der.SEQUENCE, der.OCTET_STRING)
    except ValueError as e:
        raise RequestError(RequestError.BAD_DATA_FORMAT, "This is no TimeStampReq.") from e
    if version.encoded != der.integer(1) or imprint.tag != der.SEQUENCE:
        raise RequestError(RequestError.BAD_REQUEST, "Only version 1 is answered.")
    by = hash_of(der.sequence(algorithm))
    if by is None or len(digest) != by.size:
        raise RequestError(RequestError.BAD_ALGORITHM, "Only SHA-256, -384 and -512 are stamped.")
    nonce = None
    for element in rest:
        if element.tag == der.OID:
            if element.encoded != policy:
                raise RequestError(RequestError.UNACCEPTED_POLICY, "That policy is not ours.")
        elif element.tag == der.INTEGER and nonce is None:
            nonce = _nonce(element.body)
        elif element.tag != der.BOOLEAN:  # The certificate is in every token.
            raise RequestError(RequestError.UNACCEPTED_EXTENSION, "Extensions are not answered.")
    return StampRequest(digest, nonce, by)


def _nonce(body: bytes) -> int:
    try:
        number = der.read_integer(body)
    except der.DerError as e:
        raise RequestError(RequestError.BAD_DATA_FORMAT, "The nonce is no natural number.") from e
    if len(body) > NONCE_BYTES_MAX + 1 or number >> (8 * NONCE_BYTES_MAX):
        raise RequestError(RequestError.BAD_REQUEST, f"The nonce is above {NONCE_BYTES_MAX} bytes.")
    return number


@attrs.frozen
class Stamp:
    """A token as it was read; its signature is not verified yet.

    Attributes:
        imprint: What is stamped: its digest.
        at_ms: The stated time, UTC.
        nonce: Of the request; None if there was none.
        signed: The signature around it.
        by: The hash of the imprint.
        policy: DER of the OID under which it was made.
    """

    imprint: bytes
    at_ms: int
    nonce: int | None
    signed: SignedData
    by: Hash = SHA256
    policy: bytes = b""

    @property
    def rests_on(self) -> frozenset[str]:
        """Names of the hashes without which it proves nothing."""
        return frozenset({self.by.name, self.signed.by.name})


def read_token(encoded: bytes) -> Stamp:
    """Read a ``TimeStampToken``.

    Raises:
        CmsError: It is none, or of a form that we don't take.
    """
    signed = read_signed_data(encoded, HASHES)
    if signed.content_type != TST_INFO or signed.content is None or signed.token is not None:
        raise CmsError("not a time stamp")
    try:
        version, policy, imprint, _serial, when, *rest = der.children(
            der.read_whole(signed.content, der.SEQUENCE)
        )
        algorithm, digest = der.members(imprint.body, der.SEQUENCE, der.OCTET_STRING)
        nonces = [der.read_integer(one.body) for one in rest if one.tag == der.INTEGER]
    except ValueError as e:
        raise CmsError("the time stamp is not encoded as it must be") from e
    if version.encoded != der.integer(1) or when.tag != der.GENERALIZED_TIME:
        raise CmsError("not a time stamp of version 1")
    by = hash_of(der.sequence(algorithm))
    if by is None or len(digest) != by.size:
        raise CmsError("the time stamp is not over SHA-256, SHA-384 or SHA-512")
    nonce = nonces[0] if nonces else None
    return Stamp(digest, moment_ms(when.body), nonce, signed, by, policy.encoded)


def moment_ms(text: bytes) -> int:
    """The moment of a ``GeneralizedTime`` as tokens have it, UTC.

    Raises:
        CmsError: It is none.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise CmsError("the time stamp states no time")
    try:
        whole = dt.datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError as e:
        raise CmsError("the time stamp states no time") from e
    fraction = int((found[2] or b"0").ljust(6, b"0")[:3])
    return int(whole.timestamp()) * 1000 + fraction
