"""An authority for time stamps: requests as it reads them, tokens as it makes them.

Source: RFC 3161 §2.4.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from veche.documents.pki import der
from veche.documents.pki.cms import Signer
from veche.documents.pki.digests import HASHES, hash_of
from veche.documents.pki.stamps import TST_INFO, StampRequest

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


REQUEST_BYTES_MAX: Final = 1024
NONCE_BYTES_MAX: Final = 16
ACCURACY_S: Final = 1
"""Our clock's distance from the right time, at most."""
_FAILURE_INFO: Final = 0x03
_REJECTION: Final = 2
_NULL: Final = der.tlv(der.NULL)


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
        """Answer ``application/timestamp-query``, also if it is refused."""
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
