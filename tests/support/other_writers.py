"""Sign and change PDF files as other programs do: by pyHanko, by OpenSSL, and byte by byte."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import io
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    SigFieldSpec,
    append_signature_field,
)
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from tests.support.elsewhere import DAY, Identity, _asn1, _store, new_identity, packed_page, sign
from tests.support.forgery import increment, page
from veche.documents.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

# pyHanko's own stamper takes the time from the clock, long after this line in a long run.
NOW: Final = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
LATER: Final = NOW + dt.timedelta(hours=6)
WORDS: Final = "Pay 100 EUR to Bob"
_ROOM: Final = 6000
_USES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@functools.cache
def dora() -> Identity:
    """Somebody with a certificate of an authority."""
    return new_identity(NOW, "rsa2048")


@functools.cache
def p384() -> Identity:
    """Somebody with a larger key."""
    return new_identity(NOW, "p384")


@functools.cache
def stamper() -> Identity:
    """Who stamps."""
    return new_identity(NOW, "rsa2048", is_stamper=True)


@functools.cache
def alone(usage: tuple[str, ...] | None, *, is_authority: bool | None = False) -> Identity:
    """Somebody whose certificate is signed by the root itself, or by its own key.

    Args:
        usage: What ``keyUsage`` names; None: there is none, also not in the root.
        is_authority: None: the certificate has no ``basicConstraints``.
    """
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Plain Root", root_key, root_key, "Plain Root", True, None)
    leaf = _certificate("Dora Diaz", key, root_key, "Plain Root", is_authority, usage)
    return Identity(key, (leaf, root))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: str,
    is_authority: bool | None,
    usage: tuple[str, ...] | None,
) -> x509.Certificate:
    subject, above = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 700 * DAY)
    )
    if is_authority is not None:
        constraints = x509.BasicConstraints(ca=is_authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    if usage is not None:
        said = x509.KeyUsage(**{one: one in usage for one in _USES})
        builder = builder.add_extension(said, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def saved(**options: Any) -> bytes:
    """A page as qpdf writes it."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page(WORDS))) as pdf:
        pdf.save(out, **options)
    return out.getvalue()


def with_form() -> bytes:
    """A page with a field for text."""
    form = b"/AcroForm<</Fields[6 0 R]/DA(/F1 0 Tf 0 g)/DR<</Font<</F1 5 0 R>>>>>>"
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[60 600 200 620]/F 4/P 3 0 R"
        b"/DA(/F1 12 Tf)>>"
    )
    return page(WORDS, {6: field}, form)


def hybrid() -> bytes:
    """A page whose trailer names a stream with more of its table."""
    pdf = page(WORDS)
    table = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    pdf = pdf.replace(b"/Size 6", b"/Size 7")
    more = (
        b"6 0 obj\n<</Type/XRef/Size 7/W[1 2 1]/Index[6 1]/Length 4>>\nstream\n"
        b"\x01%b\x00\nendstream\nendobj\n"
    )
    row = table.to_bytes(2, "big")
    whole = pdf[:table] + more % row + pdf[table:]
    whole = whole.replace(b"/Root 1 0 R", b"/Root 1 0 R/XRefStm %d" % table)
    return re.sub(rb"startxref\n\d+", b"startxref\n%d" % (table + len(more % row)), whole)


def openssl(data: bytes, who: Identity, *options: str, last: tuple[str, ...] = ()) -> bytes:
    """What ``openssl cms -sign`` makes of some bytes; ``last`` are options of the signer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = who.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem = [one.public_bytes(Encoding.PEM) for one in who.chain]
        (folder / "signer.pem").write_bytes(key + pem[0])
        (folder / "chain.pem").write_bytes(b"".join(pem))
        (folder / "content").write_bytes(data)
        done = subprocess.run(
            [
                *("openssl", "cms", "-sign", "-binary", "-outform", "DER", *options),
                *("-signer", str(folder / "signer.pem"), *last),
                *(["-certfile", str(folder / "chain.pem")] if pem[1:] else []),
                *("-in", str(folder / "content")),
            ],
            capture_output=True,
            check=True,
        )
    return done.stdout


def unordered(encoded: bytes) -> bytes:
    """A signature whose signed attributes stand in another order than that of DER."""
    digest = rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
    attributes = re.search(rb"\xa0\x81.(?=0.%b)" % digest, encoded, re.DOTALL)
    assert attributes is not None
    at, size = attributes.end(), encoded[attributes.end() - 1]
    first = 2 + encoded[at + 1]
    body = encoded[at : at + size]
    return encoded[:at] + body[first:] + body[:first] + encoded[at + size :]


def indefinite(encoded: bytes) -> bytes:
    """A signature whose outer elements have indefinite lengths, as NSS writes them."""
    kind, wrapped = der.members(der.read_whole(encoded, der.SEQUENCE), der.OID, 0xA0)
    held = der.read_whole(wrapped, der.SEQUENCE)
    inner = b"0\x80%b\0\0" % held
    return b"0\x80%b\xa0\x80%b\0\0\0\0" % (der.tlv(der.OID, kind), inner)


def embedded(
    make: Callable[[bytes], bytes],
    base: bytes = b"",
    span: str = "[0 {:010d} {:010d} {:010d}]",
    kind: bytes = b"/adbe.pkcs7.detached",
    hole: tuple[bytes, bytes] = (b"<", b">"),
) -> bytes:
    """A file with a signature that is written byte by byte.

    Args:
        make: The signature over what is covered.
        base: The file; empty: a page.
        span: How the range is written, given its last three numbers.
        kind: Of the signature.
        hole: Around the digits.
    """
    base = base or page(WORDS)
    mark = span.format(0, 0, 0).encode()
    room = hole[0] + b"0" * (2 * _ROOM) + hole[1]
    signature = b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter%b/ByteRange%b/Contents%b>>"
    field = b"<</FT/Sig/T(Sig1)/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]/P 3 0 R/V 90 0 R>>"
    catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[91 0 R]/SigFlags 3>>>>"
    pdf = increment(base, {1: catalog, 90: signature % (kind, mark, room), 91: field})
    start = pdf.index(room)
    end = start + len(room)
    pdf = pdf.replace(mark, span.format(start, end, len(pdf) - end).encode(), 1)
    digits = make(pdf[:start] + pdf[end:]).hex().encode()
    at = start + len(hole[0])
    return pdf[:at] + digits + pdf[at + len(digits) :]


def by_openssl(*options: str, has_chain: bool = True, **how: Any) -> Callable[[], bytes]:
    """A file that OpenSSL signed."""
    who = dora() if has_chain else Identity(dora().key, dora().chain[:1])
    return lambda: embedded(lambda data: openssl(data, who, *options), **how)


@functools.cache
def signed() -> bytes:
    """A file that pyHanko signed."""
    return sign(packed_page(), dora(), stamper=stamper())


def _writer(pdf: bytes) -> Any:
    return IncrementalPdfFileWriter(io.BytesIO(pdf))


def _written(writer: Any) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def filled(pdf: bytes) -> bytes:
    """The file with its field filled in, in another revision."""
    writer = _writer(pdf)
    field = writer.root["/AcroForm"]["/Fields"][0]
    held = field.get_object()
    held["/V"] = TextStringObject("Dora")
    writer.update_container(held)
    return _written(writer)


def with_metadata(pdf: bytes) -> bytes:
    """The file with another title, in another revision."""
    writer = _writer(pdf)
    writer.root["/Lang"] = TextStringObject("de")
    writer.update_root()
    return _written(writer)


def with_store(pdf: bytes) -> bytes:
    """The file with a security store, in another revision."""
    out = io.BytesIO(pdf)
    DocumentSecurityStore.add_dss(out, sig_contents=None, certs=[_asn1(dora().chain[1])])
    return out.getvalue()


def stamped(pdf: bytes) -> bytes:
    """The file with a stamp over all of it, in another revision."""
    one = stamper()
    authority = DummyTimeStamper(_asn1(one.chain[0]), one.asn1_key, certs_to_embed=_store(one))
    made = PdfTimeStamper(authority).async_timestamp_pdf(
        _writer(pdf), md_algorithm="sha256", validation_context=None
    )
    return bytes(asyncio.run(made).getvalue())


def with_note(pdf: bytes) -> bytes:
    """The file with a note on its page, in another revision."""
    writer = _writer(pdf)
    held = writer.root["/Pages"]["/Kids"][0].get_object()
    notes = held.get("/Annots", ArrayObject())
    note = writer.add_object(
        _dictionary(Type="/Annot", Subtype="/Text", Contents="Seen", Rect=(9, 9, 30, 30))
    )
    held["/Annots"] = ArrayObject([*notes, note])
    writer.update_container(held)
    return _written(writer)


def _dictionary(**entries: Any) -> Any:
    def value(one: Any) -> Any:
        if isinstance(one, tuple):
            return ArrayObject(map(NumberObject, one))
        return NameObject(one) if one.startswith("/") else TextStringObject(one)

    return DictionaryObject({NameObject(f"/{name}"): value(one) for name, one in entries.items()})


def forged(pdf: bytes) -> bytes:
    """The file whose page shows something else, in another revision."""
    writer = _writer(pdf)
    words = b"BT /F1 24 Tf 60 700 Td (Pay 9999 EUR to Mallory) Tj ET"
    held = writer.root["/Pages"]["/Kids"][0].get_object()
    held["/Contents"] = writer.add_object(StreamObject(stream_data=words))
    writer.update_container(held)
    return _written(writer)


def with_empty_field() -> bytes:
    """A page with a box for a signature."""
    writer = _writer(packed_page())
    append_signature_field(writer, SigFieldSpec("Sig1", box=(60, 60, 260, 120)))
    return _written(writer)
