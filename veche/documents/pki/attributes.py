"""Signed attributes as other programs write them: read and judged, not built again.

What we sign has just the attributes of ``cms.Signer``. An authority for time stamps elsewhere adds
others, such as the time of its signature, and orders them by its own rule.

Source: RFC 5652 §5.3 and §11, RFC 5035 §4 (``signingCertificateV2``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.documents.pki import algorithms, der
from veche.documents.pki.cms import CmsError, der_of
from veche.documents.pki.digests import SHA256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.x509 import Certificate

_CONTENT_TYPE: Final = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = der.oid("1.2.840.113549.1.9.4")
_CERTIFICATE_V2: Final = der.oid("1.2.840.113549.1.9.16.2.47")


def values_in(body: bytes) -> dict[bytes, bytes]:
    """Attributes with one value, by their kinds; none is there twice.

    Args:
        body: Contents of the SET.

    Raises:
        ValueError: They are not encoded as they must be.
    """
    found: dict[bytes, bytes] = {}
    for one in der.children(body):
        kind, values = der.members(one.body, der.OID, der.SET)
        held = der.children(values)
        name = der.tlv(der.OID, kind)
        if name in found:
            raise CmsError("an attribute is there twice")
        found[name] = held[0].encoded if len(held) == 1 else b""
    return {name: value for name, value in found.items() if value}


def says(values: Mapping[bytes, bytes], content_type: bytes, digest: bytes) -> bool:
    """Return whether attributes name this digest and content type as signed."""
    return values.get(_CONTENT_TYPE) == content_type and (
        values.get(_MESSAGE_DIGEST) == der.octets(digest)
    )


def names(values: Mapping[bytes, bytes], certificate: Certificate) -> bool | None:
    """Return whether they name this certificate as the signer's; None: they name none.

    Raises:
        ValueError: What they say is not encoded as it must be, or by a hash that is not taken.
    """
    said = values.get(_CERTIFICATE_V2)
    if said is None:
        return None
    [first, *_] = der.children(_first(_first(said)))
    parts = der.children(first.body)
    digest = next((one.body for one in parts if one.tag == der.OCTET_STRING), None)
    by = algorithms.hash_in(parts[0].body) if parts[0].tag == der.SEQUENCE else SHA256
    if by is None or digest is None:
        raise CmsError("a hash that is not taken")
    return by.digest(der_of(certificate)) == digest


def _first(encoded: bytes) -> bytes:
    """The first element in an element."""
    [held, *_] = der.children(encoded)
    [first, *_] = der.children(held.body)
    return first.encoded
