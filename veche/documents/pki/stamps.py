"""Time stamps: tokens, and requests for them.

A stamp is signed with the hash over which it is asked for.

Source: RFC 3161, RFC 5816 (SHA-256 certificate ids).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pki import der
from veche.documents.pki.cms import CmsError, read_signed_data
from veche.documents.pki.digests import HASHES, SHA256, hash_of

if TYPE_CHECKING:
    from veche.documents.pki.cms import SignedData
    from veche.documents.pki.digests import Hash

TST_INFO: Final = der.oid("1.2.840.113549.1.9.16.1.4")
_TIME: Final = re.compile(rb"(\d{14})(?:\.(\d{0,5}[1-9]))?Z")


@attrs.frozen
class StampRequest:
    """A request for a time stamp.

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
