"""Tell files with signatures of forms that are not checked here, so that each gets its words.

The page's: ``static/signatures/other_forms.js``.

Source: RFC 5652 §3 (CMS), RFC 7468 §8 and RFC 8551 §3 (as text), ETSI EN 319 162-1 §4 (containers),
ISO/IEC 29500-2 §10 and ODF 1.3 part 2 §3.5 (signatures of office documents).
"""

from __future__ import annotations

import re
from typing import Final

from veche.documents.pki import der

ARCHIVE: Final = b"PK\x03\x04"
_BEGINNING_BYTES: Final = 1024 * 1024
_SIGNED: Final = der.oid("1.2.840.113549.1.7.2")
_SIGNED_UP_TO: Final = 30
"""In DER or BER, with the answer of a stamping authority around it or not."""
_AS_TEXT: Final = re.compile(
    # In base64; armored; in a message.
    rb"[ \t\r\n]*MI[A-Za-z0-9+/]{1,6}(?:YJKoZIhvcNAQcC|GCSqGSIb3DQEHAq|BgkqhkiG9w0BBwK)"
    rb"|[ \t\r\n]*-----BEGIN (?:PKCS ?#?7|CMS)"
    rb"|[A-Z][A-Za-z-]+:.{0,4096}?(?:multipart/signed|application/(?:x-)?pkcs7-)",
    re.DOTALL,
)
_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<")
_XML_SIGNATURE: Final = b"http://www.w3.org/2000/09/xmldsig#"
_FOLDER: Final = b"META-INF/"
_OFFICE: Final = b"_xmlsignatures/"
_SIGNATURE: Final = re.compile(rb"[^/\0]{0,80}(?:signature|timestamp|\.p7[sm]|\.sf)", re.IGNORECASE)
_NAMES_MAX: Final = 2000
"""That are looked at, from the end, where the directory is."""
_OURS: Final = b"\x14\0\0\0\0\0\0\0\x21\x28"
"""How our archives go on: a version, nothing special, stored, and a day that is always the same."""


def is_apart(data: bytes) -> bool:
    """Return whether a file is a signature by itself, or text or XML that has one."""
    beginning = data[:_BEGINNING_BYTES]
    is_cms = beginning.startswith(b"0") and _SIGNED in beginning[2:_SIGNED_UP_TO]
    is_xml = _XML.match(beginning) is not None and _XML_SIGNATURE in beginning
    return is_cms or is_xml or _AS_TEXT.match(beginning) is not None


def is_ours(archive: bytes) -> bool:
    """Return whether an archive begins as those that are written here."""
    return archive.startswith(_OURS, len(ARCHIVE))


def is_signed_archive(archive: bytes) -> bool:
    """Return whether an archive names a signature among its last entries."""
    if _OFFICE in archive:
        return True
    at = len(archive)
    for _ in range(_NAMES_MAX):
        at = archive.rfind(_FOLDER, 0, at)
        if at < 0 or _SIGNATURE.match(archive, at + len(_FOLDER)):
            return at >= 0
    return False
