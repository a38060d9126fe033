"""A certificate's word on a Matrix account: a signature on its master cross-signing key.

A client with a list of authorities shows an account as verified whose key carries one, whatever any
homeserver says. Source: the algorithm ``io.element.x509`` of matrix-rust-sdk (the idea of MSC4316),
as matrix-js-sdk 43 reads it: a detached CMS ``SignedData`` in PEM, RSASSA-PSS with SHA-512 and a
salt of 64 bytes, without signed attributes; the leaf names the account by a URI.
"""

from __future__ import annotations

import base64
import textwrap
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from veche.documents.pki import der
from veche.documents.pki.cms import DATA, SIGNED_DATA, der_of
from veche.documents.pki.digests import SHA512
from veche.protocol.unpadded_base64 import encode_base64

ALGORITHM: Final = "io.element.x509"
SALT_BYTES: Final = 64
KEY_BITS: Final = 3072
_PSS: Final = der.oid("1.2.840.113549.1.1.10")
_MGF1: Final = der.oid("1.2.840.113549.1.1.8")
_VERSION: Final = der.integer(3)
_0, _1, _2 = 0xA0, 0xA1, 0xA2
_KEY_ID: Final = 0x80
"""Of a signer that is named by the id of its key (RFC 5652 §5.3)."""


def account_uri(user_id: str) -> x509.UniformResourceIdentifier:
    """How a certificate names an account."""
    localpart, server = user_id.removeprefix("@").split(":", 1)
    return x509.UniformResourceIdentifier(f"matrix:u/{quote(localpart, safe='')}:{server}")


def names_account(certificate: x509.Certificate, user_id: str) -> bool:
    """Return whether a certificate is for an account, and can sign its key."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    is_rsa = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    return is_rsa and account_uri(user_id).value in uris


def account_signature(
    message: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey
) -> tuple[str, str]:
    """The id and the signature, to stand beside the others of the account.

    Args:
        message: Canonical JSON of the master key, without ``signatures`` and ``unsigned``.
        certificate: Of the account, with its own key's id and that of its authority.
        key: Of the certificate.

    Raises:
        ValueError: The certificate does not name the key of its authority.
        ExtensionNotFound: It lacks the ids of keys.
    """
    known = certificate.extensions
    own = known.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    authority = known.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    if authority is None:
        raise ValueError("the certificate does not say whose key signed it")
    hashed = SHA512.for_keys
    pss = padding.PSS(padding.MGF1(hashed), SALT_BYTES)
    signature = key.sign(message, pss, hashed)
    by = SHA512.identifier
    mask = der.sequence(_MGF1, by)
    salt = der.tlv(_2, der.integer(SALT_BYTES))
    parameters = der.sequence(der.tlv(_0, by), der.tlv(_1, mask), salt)
    signer = der.sequence(
        _VERSION,
        der.tlv(_KEY_ID, own),
        by,
        der.sequence(_PSS, parameters),
        der.octets(signature),
    )
    signed = der.sequence(
        _VERSION,
        der.set_of(by),
        der.sequence(DATA),
        der.tlv(_0, der_of(certificate)),
        der.set_of(signer),
    )
    content = der.sequence(SIGNED_DATA, der.tlv(_0, signed))
    lines = textwrap.wrap(base64.b64encode(content).decode(), 64)
    pem = "\n".join(("-----BEGIN CMS-----", *lines, "-----END CMS-----", ""))
    return f"{ALGORITHM}:{encode_base64(authority)}", pem
