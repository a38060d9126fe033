"""Files of many programs, honest and manipulated, for tests of what is said of them."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pikepdf
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

from tests.support.containers import zipped
from tests.support.elsewhere import new_identity, packed_page, sign
from tests.support.forgery import FORGED, page
from tests.support.other_writers import (
    LATER,
    NOW,
    WORDS,
    alone,
    by_openssl,
    dora,
    embedded,
    filled,
    forged,
    hybrid,
    indefinite,
    openssl,
    p384,
    saved,
    signed,
    stamped,
    stamper,
    unordered,
    with_empty_field,
    with_form,
    with_metadata,
    with_note,
    with_store,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography import x509

Makers = dict[str, "Callable[[], bytes]"]
__all__ = [
    "ADDED_TO",
    "APART",
    "BASES",
    "CONTAINERS",
    "LATER",
    "MANIPULATED",
    "UNREAD",
    "UNSIGNED",
    "WHOLE",
    "Makers",
    "by_pss_key",
    "dora",
    "locked",
    "roots",
    "signed",
    "stamped",
    "stamped_laxly",
    "stamper",
]

BASES: Final[Makers] = {
    "classic": lambda: page(WORDS),
    "packed": packed_page,
    "linearized": lambda: saved(linearize=True),
    "linearized and packed": lambda: saved(
        linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.generate
    ),
    "PDF 2.0": lambda: saved(force_version="2.0"),
    "PDF 1.4": lambda: saved(force_version="1.4"),
    "hybrid": hybrid,
    "a form": with_form,
    "scripts": lambda: page(WORDS, catalog=b"/OpenAction<</S/JavaScript/JS(app.beep())>>"),
}
"""Documents that nobody has signed."""

_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "adbe": {"subfilter": SigSeedSubFilter.ADOBE_PKCS7_DETACHED},
    "pss": {"prefer_pss": True},
    "sha384": {"md_algorithm": "sha384"},
    "pss sha512": {"prefer_pss": True, "md_algorithm": "sha512"},
    "certifies 1": {"certify": True, "docmdp_permissions": MDPPerm.NO_CHANGES},
    "certifies 2": {"certify": True, "docmdp_permissions": MDPPerm.FILL_FORMS},
    "certifies 3": {"certify": True, "docmdp_permissions": MDPPerm.ANNOTATE},
    "a reason": {"reason": "I agree", "location": "Lindenau", "contact_info": "dora"},
    "a name": {"name": "Dora Diaz"},
    "a large hole": {"bytes_reserved": 200_000},
}


def _by(options: Mapping[str, Any]) -> Callable[[], bytes]:
    return lambda: sign(packed_page(), dora(), **dict(options))


def _by_other(usage: tuple[str, ...] | None, *, is_authority: bool | None = False) -> Any:
    return lambda: sign(packed_page(), alone(usage, is_authority=is_authority))


def _signed_by_dora(make: Callable[[], bytes]) -> bytes:
    return sign(make(), dora())


WHOLE: Final[Makers] = {
    **{
        f"base: {name}": partial(_signed_by_dora, make)
        for name, make in BASES.items()
        if name != "hybrid"  # pyHanko refuses it.
    },
    "base: hybrid": lambda: embedded(lambda data: openssl(data, dora()), hybrid()),
    **{f"signed: {name}": _by(options) for name, options in _OPTIONS.items()},
    "stamped": signed,
    "visible": lambda: sign(with_empty_field(), dora()),
    "no keyUsage": _by_other(None),
    "no keyUsage, no constraints": _by_other(None, is_authority=None),
    "no keyUsage, an authority": _by_other(None, is_authority=True),
    "nonRepudiation alone": _by_other(("content_commitment",)),
    "digitalSignature alone": _by_other(("digital_signature",)),
    "p384": lambda: sign(packed_page(), p384()),
    "zero-padded": by_openssl(span="[0000000000 {:010d} {:010d} {:010d}]"),
    "padded with spaces": by_openssl(span="[ 0 {:>12d} {:>12d} {:>12d} ]"),
    "a line break in the range": by_openssl(span="[0\n{:010d}\r\n{:010d}\n{:010d}]"),
    "key id": by_openssl("-keyid"),
    "openssl pss": lambda: embedded(
        lambda data: openssl(data, dora(), last=("-keyopt", "rsa_padding_mode:pss"))
    ),
    "cades": by_openssl("-cades"),
    "no S/MIME capabilities": by_openssl("-nosmimecap"),
    "whole, unstamped, of two": lambda: embedded(
        lambda data: openssl(data, dora()), page(WORDS), span="[0 {:010d} {:010d} {:010d}]"
    ),
    "BER of indefinite length": lambda: embedded(lambda data: indefinite(openssl(data, dora()))),
    "attributes in another order": lambda: embedded(lambda data: unordered(openssl(data, dora()))),
    "a space in the hole": by_openssl(hole=(b"<\n", b"\n>")),
    "a space around the hole": by_openssl(hole=(b" <", b"> ")),
}
"""Honest files: a signature that is taken covers all of each."""


ADDED_TO: Final[Makers] = {
    "another signature": lambda: sign(signed(), dora(), "Sig2"),
    "three signatures": lambda: sign(sign(signed(), dora(), "Sig2"), dora(), "Sig3"),
    "a field is filled in": lambda: filled(sign(with_form(), dora())),
    "a field is filled in, packed": lambda: filled(sign(_packed_form(), dora())),
    "a store": lambda: with_store(signed()),
    "a store and a stamp": lambda: stamped(with_store(signed())),
    "a stamp": lambda: stamped(signed()),
    "a note": lambda: with_note(signed()),
    "metadata": lambda: with_metadata(signed()),
    "metadata, classic": lambda: with_metadata(sign(page(WORDS), dora())),
    "openssl, then a note": lambda: with_note(by_openssl()()),
    "another page": lambda: forged(signed()),
    "another page, classic": lambda: forged(sign(page(WORDS), dora())),
    "another page, then a stamp": lambda: stamped(forged(signed())),
    "another page, then a store": lambda: with_store(forged(signed())),
    "another page, linearized": lambda: forged(sign(saved(linearize=True), dora())),
    "another page, openssl": lambda: forged(by_openssl()()),
    "an object that no table lists": lambda: signed() + b"4 0 obj\n%b\nendobj\n" % FORGED,
}
"""Honest and manipulated files: something was added after the last signature of a person."""


def _packed_form() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(with_form())) as pdf:
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def _two_signers(data: bytes) -> bytes:
    other = alone(("digital_signature",))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "other.pem"
        pem = other.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + other.chain[0].public_bytes(Encoding.PEM))
        return openssl(data, dora(), "-signer", str(path))


def _with_hash(number: bytes) -> Callable[[bytes], bytes]:
    """A signature that says that its hash is another one."""

    def make(data: bytes) -> bytes:
        return openssl(data, dora()).replace(bytes.fromhex("608648016503040201"), number)

    return make


UNREAD: Final[Makers] = {
    "a signature that is too long": by_openssl(hole=(b"<", b"0" * 600_000 + b">")),
    "a length of more octets than it needs": lambda: embedded(
        lambda data: re.sub(rb"^0\x82", b"0\x83\0", openssl(data, dora()))
    ),
    "SHA-1": by_openssl("-md", "sha1"),
    "SHA-224": by_openssl("-md", "sha224"),
    "SHA3-256": by_openssl("-md", "sha3-256"),
    "an unknown hash": lambda: embedded(_with_hash(bytes.fromhex("60864801650304027f"))),
    "no signed attributes": by_openssl("-noattr"),
    "no certificates": by_openssl("-nocerts", has_chain=False),
    "its own content, BER": by_openssl("-stream", "-indef"),
    "its own content": by_openssl("-nodetach", "-md", "sha256"),
    "two signers": lambda: embedded(_two_signers),
    "p521": lambda: sign(packed_page(), new_identity(NOW, "p521")),
    "rsa1024": lambda: sign(packed_page(), new_identity(NOW, "rsa1024")),
    "ed25519": lambda: embedded(lambda data: _by_new_key(data, ("ed25519",), "-md", "sha512")),
    "adbe.x509.rsa_sha1": lambda: embedded(
        lambda _data: b"\x04\x82\x01\x00" + bytes(range(256)), kind=b"/adbe.x509.rsa_sha1"
    ),
    "a literal string": lambda: embedded(
        lambda data: openssl(data, dora()), hole=(b"(", b")"), kind=b"/adbe.pkcs7.detached"
    ),
}
"""Honest files, of whose signature the form or the algorithm is not taken."""


def _by_new_key(data: bytes, kind: tuple[str, ...], *last: str) -> bytes:
    """A signature by a key that OpenSSL makes, with a certificate that it signed itself."""
    with tempfile.TemporaryDirectory() as name:
        key, signer, content = (Path(name) / one for one in ("key", "signer", "content"))
        new = ("openssl", "req", "-x509", "-newkey", *kind, "-noenc", "-subj", "/CN=Dora Diaz")
        _run(*new, "-keyout", key, "-out", signer)
        signer.write_bytes(key.read_bytes() + signer.read_bytes())
        content.write_bytes(data)
        command = ("openssl", "cms", "-sign", "-binary", "-outform", "DER", "-in", content)
        return _run(*command, "-signer", signer, *last)


def _run(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def stamped_laxly() -> bytes:
    """A file that is stamped by somebody whose certificate is not for stamps alone."""
    lax = new_identity(NOW, "rsa2048", is_stamper=True, is_critical=False)
    return sign(packed_page(), dora(), stamper=lax)


def by_pss_key() -> bytes:
    """A file by somebody whose key is for PSS alone, as some qualified ones are."""
    kind = ("rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048")
    last = ("-keyopt", "rsa_padding_mode:pss")
    return embedded(lambda data: _by_new_key(data, kind, *last))


def flipped(pdf: bytes, needle: bytes, other: bytes) -> bytes:
    """The file in which a word is another one, as long."""
    assert needle in pdf
    assert len(needle) == len(other)
    return pdf.replace(needle, other, 1)


MANIPULATED: Final[Makers] = {
    "a word of the page": lambda: flipped(sign(page(WORDS), dora()), b"100 EUR", b"900 EUR"),
    "a word, zero-padded": lambda: flipped(WHOLE["zero-padded"](), b"100 EUR", b"900 EUR"),
    "a word, no keyUsage": lambda: flipped(sign(page(WORDS), alone(None)), b"100 EUR", b"900 EUR"),
    "a word, a space in the hole": lambda: flipped(
        WHOLE["a space in the hole"](), b"100 EUR", b"900 EUR"
    ),
    "a word, BER": lambda: flipped(WHOLE["BER of indefinite length"](), b"100 EUR", b"900 EUR"),
    "a word, SHA-1": lambda: flipped(UNREAD["SHA-1"](), b"100 EUR", b"900 EUR"),
    "a large hole with more than a signature": lambda: embedded(
        lambda data: openssl(data, dora()), hole=(b"<" + b">" * 600_000, b">")
    ),
    "a name by its numbers": lambda: by_openssl()().replace(b"/ByteRange", b"/Byte#52ange"),
    "keyEncipherment alone": _by_other(("key_encipherment",)),
    "keyCertSign alone": _by_other(("key_cert_sign",), is_authority=True),
    "the range begins later": lambda: flipped(
        by_openssl(span="[0000000000 {:010d} {:010d} {:010d}]")(), b"[0000000000", b"[0000000009"
    ),
}
"""Files that nobody may call good; that the last two are so is said by their certificates."""


def container(kind: str = "e", *, named: str = "signatures", **how: Any) -> bytes:
    """A container as other programs write it; its signature is none that is looked at.

    Args:
        kind: ``e`` or ``s``.
        named: How the file of the signature begins.
        **how: ``comment``, ``mime``, ``is_streamed`` (data descriptors), ``extra``, ``method``.
    """
    out = io.BytesIO()
    target: Any = _Unseekable(out) if how.get("is_streamed") else out
    with zipfile.ZipFile(target, "w") as archive:
        mime = how.get("mime", f"application/vnd.etsi.asic-{kind}+zip")
        for name, data in (
            ("mimetype", mime.encode()),
            ("lease.txt", WORDS.encode()),
            (f"META-INF/{named}001.p7s", b"0\x80" + bytes(40)),
        ):
            info = zipfile.ZipInfo(name, NOW.timetuple()[:6])
            info.extra = how.get("extra", b"")
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else how.get("method", 8)
            with archive.open(info, "w", force_zip64=bool(how.get("is_zip64"))) as file:
                file.write(data)
        archive.comment = how.get("comment", b"")
    return out.getvalue()


class _Unseekable:
    """What is written to as to a pipe."""

    def __init__(self, out: io.BytesIO) -> None:
        self._out = out
        self.flush = out.flush

    def write(self, data: bytes) -> int:
        return self._out.write(data)


CONTAINERS: Final[Makers] = {
    "ASiC-E": container,
    "ASiC-S": lambda: container("s", named="signature"),
    "a comment": lambda: container(comment=b"made by DSS"),
    "descriptors": lambda: container(is_streamed=True),
    "zip64": lambda: container(is_zip64=True),
    "extra fields": lambda: container(extra=b"UT\x05\x00\x03\x00\x00\x00\x00"),
    "another mimetype": lambda: container(mime="application/vnd.etsi.asic-e+zip\n"),
    "no mimetype of these": lambda: container(mime="application/zip"),
    "stored": lambda: container(method=0),
    "stamps": lambda: container("s", named="timestamp"),
    "office": lambda: _zip("[Content_Types].xml", "word/document.xml", "_xmlsignatures/sig1.xml"),
    "open document": lambda: _zip("content.xml", "META-INF/documentsignatures.xml"),
}
"""Honest containers of other programs."""


def _zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, WORDS)
    return out.getvalue()


def _smime() -> bytes:
    return (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed;"
        b' protocol="application/x-pkcs7-signature"; micalg="sha-256"; boundary="x"\r\n\r\n--x\r\n'
    )


def _pem(data: bytes, kind: str) -> bytes:
    text = base64.encodebytes(data)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (kind.encode(), text, kind.encode())


def _base64(*options: str) -> bytes:
    return base64.b64encode(openssl(WORDS.encode(), dora(), *options))


APART: Final[Makers] = {
    "p7s": lambda: openssl(WORDS.encode(), dora()),
    "p7m": lambda: openssl(WORDS.encode(), dora(), "-nodetach"),
    "p7m, BER": lambda: openssl(WORDS.encode(), dora(), "-nodetach", "-stream", "-indef"),
    "small": lambda: openssl(WORDS.encode(), alone(None), "-nocerts", "-noattr"),
    "base64": _base64,
    "base64, BER": lambda: _base64("-nodetach", "-stream", "-indef"),
    "base64, small": lambda: _base64("-nocerts", "-noattr"),
    "PKCS7": lambda: _pem(openssl(WORDS.encode(), dora()), "PKCS7"),
    "CMS": lambda: _pem(openssl(WORDS.encode(), dora()), "CMS"),
    "S/MIME": _smime,
    "XAdES": lambda: (
        b'<?xml version="1.0"?><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    ),
}
"""Signatures by themselves."""

UNSIGNED: Final[Makers] = {
    **BASES,
    "a field for a signature": with_empty_field,
    "an archive": lambda: _zip("lease.txt"),
    "an office document": lambda: _zip("[Content_Types].xml", "word/document.xml"),
    "a container that nobody signed": lambda: zipped(
        [("mimetype", b"application/vnd.etsi.asic-e+zip"), ("a.txt", b"a")]
    ),
}
"""Files that nobody has signed."""


def locked() -> bytes:
    """A page that is locked by a password."""
    return saved(encryption=pikepdf.Encryption(user="secret", owner="secret"))


def roots() -> list[x509.Certificate]:
    """Whom a checker trusts that knows all who signed these."""
    others = [
        alone(usage, is_authority=is_authority)
        for usage in (None, *(_uses(one) for one in _SINGLE))
        for is_authority in (False, None, True)
    ]
    return [one.root for one in (dora(), stamper(), p384(), *others)]


_SINGLE: Final = ("content_commitment", "digital_signature", "key_encipherment", "key_cert_sign")


def _uses(name: str) -> tuple[str, ...]:
    return (name,)
