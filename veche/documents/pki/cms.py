"""CMS signatures as PAdES and CAdES have them: built straight to DER, and read strictly.

A signature says three things under its key: what was signed is data, its digest, and whose
certificate it is (`signingCertificateV2`, RFC 5035); nothing else. So what a browser, a card and
this module sign is the same byte for byte, and a checker builds it again instead of reading it.

Source: RFC 5652 §5, RFC 5035 §5.4.1.1, ETSI EN 319 122-1 §5, ETSI EN 319 142-1 §6.3.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import PublicKeyAlgorithmOID

from veche.documents.pki import der
from veche.documents.pki.digests import HASHES, SHA256, hash_of
from veche.documents.pki.revocation import OTHER, archived, from_cms, is_answer, to_cms, to_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from veche.documents.pki.digests import Hash

DATA: Final = der.oid("1.2.840.113549.1.7.1")
SIGNED_DATA: Final = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE: Final = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = der.oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2: Final = der.oid("1.2.840.113549.1.9.16.2.47")
_TIME_STAMP_TOKEN: Final = der.oid("1.2.840.113549.1.9.16.2.14")
_REVOCATION_VALUES: Final = der.oid("1.2.840.113549.1.9.16.2.24")

CMS_BYTES_MAX: Final = 64 * 1024
"""Of one signature with its time stamp and certificates."""

_EXPLICIT_0: Final = 0xA0
_UNSIGNED: Final = 0xA1
_LISTS: Final = 0xA1
_ISSUER_NAME: Final = 0xA4
_FROM_DATA: Final = b"\x01"
_FROM_OTHERS: Final = b"\x03"
_WITH_OTHERS: Final = b"\x05"
"""Version of what has other proofs than lists."""


class CmsError(ValueError):
    """Not a signature of the form that we take; the message says what is wrong with it."""


@functools.lru_cache(maxsize=256)  # the library writes it anew each time
def der_of(certificate: Certificate) -> bytes:
    """The encoding of a certificate."""
    return certificate.public_bytes(Encoding.DER)


def issuer_and_serial_of(certificate: Certificate) -> bytes:
    """Encode the name of a certificate in a signature (RFC 5652 §10.2.4)."""
    return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


class Signer:
    """The parts shared by all signatures of one certificate, encoded once.

    Attributes:
        certificate: Whose key signs.
        algorithm: DER of the algorithm by which such a key signs: ECDSA, or RSA with PKCS #1 v1.5,
            of cards and providers that have no other key.
        by: The hash.
    """

    def __init__(
        self, certificate: Certificate, chain: Sequence[Certificate] = (), by: Hash = SHA256
    ) -> None:
        """Encode it.

        Args:
            certificate: The signer's.
            chain: Certificates that travel with the signature, in any order.
            by: The hash; of people's signatures it is SHA-256.
        """
        encoded = der_of(certificate)
        issuer, serial = certificate.issuer.public_bytes(), der.integer(certificate.serial_number)
        self.certificate = certificate
        self.by = by
        self._id = der.sequence(issuer, serial)
        name = der.sequence(der.sequence(der.tlv(_ISSUER_NAME, issuer)), serial)
        # SHA-256 is the default, which DER leaves out (RFC 5035 §4).
        named = b"" if by is SHA256 else by.identifier
        reference = der.sequence(named, der.octets(by.digest(encoded)), name)
        self._reference = der.sequence(
            _SIGNING_CERTIFICATE_V2, der.set_of(der.sequence(der.sequence(reference)))
        )
        self._certificates = der.tlv(_EXPLICIT_0, *sorted([encoded, *map(der_of, chain)]))
        is_rsa = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
        self.algorithm = by.rsa if is_rsa else by.ecdsa

    def signed_attributes(self, digest: bytes, content_type: bytes = DATA) -> bytes:
        """Encode the attributes that the key signs, as a SET (RFC 5652 §5.4).

        Args:
            digest: Of what is signed, by the hash.
            content_type: OID of what it is.
        """
        return der.set_of(
            der.sequence(_CONTENT_TYPE, der.set_of(content_type)),
            der.sequence(_MESSAGE_DIGEST, der.set_of(der.octets(digest))),
            self._reference,
        )

    def detached(self, attributes: bytes, signature: bytes, token: bytes = b"") -> bytes:
        """A signature over what lies elsewhere.

        Args:
            attributes: Of ``signed_attributes``.
            signature: By the certificate's key over them, with SHA-256: ECDSA in DER, or RSA with
                PKCS #1 v1.5.
            token: RFC 3161 time stamp over the SHA-256 of ``signature``; empty for none.
        """
        stamp = der.sequence(_TIME_STAMP_TOKEN, der.set_of(token))
        unsigned = der.tlv(_UNSIGNED, stamp) if token else b""
        return self._signed_data(_FROM_DATA, der.sequence(DATA), attributes, signature, unsigned)

    def enclosing(
        self, content_type: bytes, content: bytes, attributes: bytes, signature: bytes
    ) -> bytes:
        """A signature that holds what it signs, as time stamps are."""
        enclosed = der.sequence(content_type, der.tlv(_EXPLICIT_0, der.octets(content)))
        return self._signed_data(_FROM_OTHERS, enclosed, attributes, signature, b"")

    def _signed_data(
        self, version: bytes, content: bytes, attributes: bytes, signature: bytes, unsigned: bytes
    ) -> bytes:
        info = der.sequence(
            der.integer(1),
            self._id,
            self.by.identifier,
            bytes((_EXPLICIT_0,)) + attributes[1:],
            self.algorithm,
            der.octets(signature),
            unsigned,
        )
        return der.sequence(
            SIGNED_DATA,
            der.tlv(
                _EXPLICIT_0,
                der.sequence(
                    der.tlv(der.INTEGER, version),
                    der.set_of(self.by.identifier),
                    content,
                    self._certificates,
                    der.set_of(info),
                ),
            ),
        )


@attrs.frozen
class SignedData:
    """A signature as it was read; nothing of it is verified yet.

    Attributes:
        content_type: OID of what is signed.
        content: What it holds; None if it is detached.
        certificates: DER of those that travel with it, in their order.
        lists: DER of the lists of revoked certificates, and of answers of responders with it.
        issuer_and_serial: DER of what names the signer's certificate.
        attributes: The signed attributes as a SET.
        algorithm: DER of the algorithm of ``signature``.
        signature: By the signer's key over ``attributes``.
        token: The time stamp over ``signature``; None if there is none.
        by: The hash of what is signed, and of the attributes.
    """

    content_type: bytes
    content: bytes | None
    certificates: tuple[bytes, ...]
    issuer_and_serial: bytes
    attributes: bytes
    algorithm: bytes
    signature: bytes
    token: bytes | None
    lists: tuple[bytes, ...] = ()
    by: Hash = SHA256


def read_signed_data(encoded: bytes, taken: Sequence[Hash] = (SHA256,)) -> SignedData:
    """Read a signature by one signer, with one hash.

    Args:
        encoded: DER.
        taken: The hashes that count.

    Raises:
        CmsError: It is not DER, or not of this form: several signers, other digests, unsigned
            attributes other than one time stamp.
    """
    if len(encoded) > CMS_BYTES_MAX:
        raise CmsError(f"the signature is above {CMS_BYTES_MAX} bytes")
    try:
        return _signed_data_of(encoded, taken)
    except der.DerError as e:
        raise CmsError(f"the signature is not encoded as it must be: {e}") from e


def _signed_data_of(encoded: bytes, taken: Sequence[Hash]) -> SignedData:
    kind, wrapped = der.members(der.read_whole(encoded, der.SEQUENCE), der.OID, _EXPLICIT_0)
    _, digests, content, certificates, lists, infos = _parts_of(wrapped)
    by = hash_of(digests, taken)
    if der.tlv(der.OID, kind) != SIGNED_DATA or by is None:
        raise CmsError(f"not a signature with {_names(taken)}")
    signers = der.children(infos)
    if len(signers) != 1 or signers[0].tag != der.SEQUENCE:
        raise CmsError("not by one signer")
    _, name, digest, attributes, algorithm, signature, *rest = _info_of(signers[0].body)
    token, answers = _unsigned_of(rest[0].body) if rest else (None, [])
    if hash_of(digest.encoded, taken) is not by:
        raise CmsError("the signer's digest is of another hash")
    content_type, enclosed = _content_of(content)
    return SignedData(
        content_type=content_type,
        content=enclosed,
        certificates=tuple(one.encoded for one in der.children(certificates)),
        issuer_and_serial=name.encoded,
        attributes=der.tlv(der.SET, attributes.body),
        algorithm=algorithm.encoded,
        signature=signature.body,
        token=token,
        lists=(*from_cms(lists), *answers),
        by=by,
    )


def _names(taken: Sequence[Hash]) -> str:
    return " or ".join(one.name.upper().replace("SHA", "SHA-") for one in taken)


_PARTS: Final = (der.INTEGER, der.SET, der.SEQUENCE, _EXPLICIT_0, der.SET)


def _parts_of(wrapped: bytes) -> list[bytes]:
    """Version, digests, content, certificates, lists (empty without), signers."""
    found = der.children(der.read_whole(wrapped, der.SEQUENCE))
    lists = b""
    if len(found) > len(_PARTS) and found[len(_PARTS) - 1].tag == _LISTS:
        lists = found.pop(len(_PARTS) - 1).body
    if tuple(element.tag for element in found) != _PARTS:
        raise CmsError("not the parts of a signature")
    *first, infos = (element.body for element in found)
    return [*first, lists, infos]


def with_proofs(encoded: bytes, certificates: Sequence[bytes], lists: Sequence[bytes]) -> bytes:
    """A signature or a time stamp with proofs added to what travels with it (CAdES B-LT).

    What is signed stays the same. What is there already is not added again.

    Args:
        encoded: Of this module's form.
        certificates: DER.
        lists: Of revoked certificates, and answers of responders, DER.

    Raises:
        CmsError: It is of another form, or there is no room for them.
    """
    known = read_signed_data(encoded, HASHES)
    try:
        made = _grown(encoded, known, sorted({*known.certificates, *certificates}), lists)
    except der.DerError as e:
        raise CmsError(f"what is added is not encoded as it must be: {e}") from e
    read_signed_data(made, HASHES)
    return made


def _grown(
    encoded: bytes, known: SignedData, certificates: Sequence[bytes], lists: Sequence[bytes]
) -> bytes:
    """The same with these certificates, and more lists and answers.

    In a time stamp answers are an unsigned attribute, since OpenSSL reads none with others than
    lists in their place (it takes time stamps for PKCS #7).
    """
    every = dict.fromkeys([*known.lists, *lists])
    apart = [one for one in every if is_answer(one)] if known.content is not None else []
    listed = to_cms(one for one in every if one not in apart)
    kind, wrapped = der.members(der.read_whole(encoded, der.SEQUENCE), der.OID, _EXPLICIT_0)
    version, digests, content, _, _, infos = _parts_of(wrapped)
    if any(one[0] == OTHER for one in listed):  # RFC 5652 §5.1
        version = _WITH_OTHERS
    return der.sequence(
        der.tlv(der.OID, kind),
        der.tlv(
            _EXPLICIT_0,
            der.sequence(
                der.tlv(der.INTEGER, version),
                der.tlv(der.SET, digests),
                der.tlv(der.SEQUENCE, content),
                der.tlv(_EXPLICIT_0, *certificates),
                der.tlv(_LISTS, *listed) if listed else b"",
                der.tlv(der.SET, _with_values(infos, apart) if apart else infos),
            ),
        ),
    )


def _with_values(infos: bytes, answers: Sequence[bytes]) -> bytes:
    """The signer's part with these answers among what is not signed."""
    parts = _info_of(der.read_whole(infos, der.SEQUENCE))
    signed, unsigned = parts[: len(_INFO) - 1], parts[len(_INFO) - 1 :]
    others = [
        one.encoded
        for part in unsigned
        for one in der.children(part.body)
        if _kind_of(one) != _REVOCATION_VALUES
    ]
    values = der.sequence(_REVOCATION_VALUES, der.tlv(der.SET, to_values(answers)))
    more = der.tlv(_UNSIGNED, *sorted([*others, values]))
    return der.sequence(*(one.encoded for one in signed), more)


_INFO: Final = (
    der.INTEGER,
    der.SEQUENCE,
    der.SEQUENCE,
    _EXPLICIT_0,
    der.SEQUENCE,
    der.OCTET_STRING,
    _UNSIGNED,
)


def _info_of(body: bytes) -> list[der.Element]:
    found = der.children(body)
    tags = tuple(element.tag for element in found)
    if tags not in (_INFO, _INFO[:-1]) or found[0].body != b"\x01":
        raise CmsError("the signer's part is not of the form that we take")
    return found


def _content_of(body: bytes) -> tuple[bytes, bytes | None]:
    kind, *rest = der.children(body)
    if kind.tag != der.OID or len(rest) > 1 or (rest and rest[0].tag != _EXPLICIT_0):
        raise CmsError("what is signed is not of the form that we take")
    enclosed = der.read_whole(rest[0].body, der.OCTET_STRING) if rest else None
    return kind.encoded, enclosed


def _unsigned_of(body: bytes) -> tuple[bytes | None, list[bytes]]:
    """The time stamp and the proofs among what is not signed; there is nothing else."""
    parts = der.children(body)
    encoded = [one.encoded for one in parts]
    kinds = [_kind_of(one) for one in parts]
    is_known = set(kinds) <= {_TIME_STAMP_TOKEN, _REVOCATION_VALUES}
    if not kinds or not is_known or len(set(kinds)) != len(kinds) or encoded != sorted(encoded):
        raise CmsError("an unsigned attribute that is neither one time stamp nor proofs")
    held = dict(zip(kinds, map(_value_of, parts), strict=True))
    values = held.get(_REVOCATION_VALUES)
    answers = [] if values is None else archived(values)
    if values is not None and (not answers or to_values(answers) != values):
        raise CmsError("proofs that are not signed are answers, and nothing else")
    return held.get(_TIME_STAMP_TOKEN), answers


def _kind_of(attribute: der.Element) -> bytes:
    kind, _ = der.members(der.read_whole(attribute.encoded, der.SEQUENCE), der.OID, der.SET)
    return der.tlv(der.OID, kind)


def _value_of(attribute: der.Element) -> bytes:
    _, values = der.members(attribute.body, der.OID, der.SET)
    found = der.children(values)
    if len(found) != 1:
        raise CmsError("an unsigned attribute that has not one value")
    return found[0].encoded
