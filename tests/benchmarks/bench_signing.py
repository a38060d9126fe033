"""What signatures in PDF files cost: made, closed, judged; beside stock pyHanko in the same run.

CPU of this process and its threads, median of the runs. ``bt_ms`` is a signature with its time
stamp and its proofs (PAdES B-T) in a file of one page, certificate and lists given;
``bt_pyhanko_ms`` is the best run of pyHanko: where the encoder that it uses takes the certificates
for unsorted, as chance will have it, it spends 0.8 or 1.5 s on sorting them. ``blta_ms`` is the
same with the closing stamp; ``large_ms`` a signature in a file of 20 MB. ``verdict_ms`` is the full
verdict on a file of one signature and a closing stamp, ``verdict_pyhanko_ms`` what pyHanko spends
on the same two; ``quick_ms`` what lists of files need: the signature over the digest that is known,
the certificate's chain, no file read. ``hundred_signers_mib`` is what 100 signers add to a file.
``latency_beside_load`` and what stands around it: ``stamping``.
``browser_ms`` is a signature made by a page in Chromium, see ``browser_signing``.
``normalise_ms`` is an upload of 100 pages by another program, with a form, brought into the sealed
profile, beside ``resave_ms``, what its library spends on writing it without a change;
``normalise_large_ms`` one of 20 MB. ``blind_normalise_ms`` and ``blind_normalise_large_ms`` are the
same two files where the service may not read them: in Chromium, from bytes to bytes (wall time).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import typst
from asn1crypto import cms, keys
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from appservices.signing.papers.core.uploads import Upload
from appservices.signing.papers.service.uploads import normalised
from tests.benchmarks import browser_signing, stamping
from tests.support.signing import NOW, Office, with_boxes
from tests.support.uploads import changed, large_picture, nothing, plain, text_field
from veche.documents.pdf.document import Document
from veche.documents.pdf.increment import Increment
from veche.documents.pki.trust import Trust
from veche.documents.signatures.checking import open_signature, signer_of
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge, signatures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.signing import Person
    from veche.documents.signatures.checking import Opened

RUNS: Final = 60
LARGE_RUNS: Final = 7
LARGE_BYTES: Final = 20_000_000
SIGNERS: Final = 100
_PAGE: Final = b"#set text(size: 14pt)\nLease of flat 12b. Rent: 900 EUR a month."


def run() -> dict[str, float]:
    """Times in ms of CPU; ratios without unit."""
    office = Office()
    page = with_boxes(typst.compile(_PAGE), ["Sig1"])
    large = with_boxes(_large(), ["Sig1"])
    alice, owner = office.person("Alice Adams", page), office.person("Alice Adams", large)
    signed = alice.sign(page, "Sig1")
    closed = office.close(signed)
    upload = changed(text_field, plain(pages=100))
    heavy = changed(large_picture, compress_streams=False)
    figures = {
        "bt_ms": _cpu_ms(RUNS, lambda: alice.sign(page, "Sig1")),
        "bt_pyhanko_ms": _cpu_ms(RUNS // 4, lambda: _stock(office, alice, page), min),
        "blta_ms": _cpu_ms(RUNS, lambda: office.close(alice.sign(page, "Sig1"))),
        "large_ms": _cpu_ms(LARGE_RUNS, lambda: owner.sign(large, "Sig1")),
        "verdict_ms": _cpu_ms(RUNS, lambda: _judged(office, closed)),
        "verdict_pyhanko_ms": _cpu_ms(RUNS // 4, lambda: _stock_verdict(office, closed)),
        "quick_ms": _cpu_ms(RUNS, _quick(office, page)),
        "hundred_signers_mib": _hundred(office) / 2**20,
        "normalise_ms": _cpu_ms(RUNS // 4, lambda: _normalised(upload)),
        "normalise_large_ms": _cpu_ms(LARGE_RUNS, lambda: _normalised(heavy)),
        "resave_ms": _cpu_ms(RUNS // 4, lambda: changed(nothing, upload)),
    }
    figures |= browser_signing.figures()
    figures["ratio_pyhanko"] = figures["bt_pyhanko_ms"] / figures["bt_ms"]
    return figures | stamping.figures()


def _cpu_ms(
    runs: int,
    work: Callable[[], object],
    chosen: Callable[[Sequence[float]], float] = statistics.median,
) -> float:
    work()
    taken = []
    for _ in range(runs):
        began_s = time.process_time()
        work()
        taken.append((time.process_time() - began_s) * 1000)
    return chosen(taken)


def _large() -> bytes:
    """A file of one page with a picture's worth of bytes that nothing can press together."""
    noise = hashlib.shake_256(b"noise").digest(LARGE_BYTES)
    pdf = typst.compile(_PAGE)
    document = Document(pdf)
    increment = Increment(document)
    number = increment.add_stream(noise)
    catalog = document.dictionary(document.root, "the catalog")
    increment.put(document.root, {**catalog, b"/PieceInfo": {b"/Veche": b"%d 0 R" % number}})
    return pdf + increment.write().data


def _judged(office: Office, pdf: bytes) -> None:
    found = judge(pdf, Trusted([office.root.certificate], NOW))
    if found.verdict is not Verdict.SEALED:
        raise AssertionError(found)


def _quick(office: Office, page: bytes) -> Callable[[], object]:
    """The signatures, with what a service keeps of them: each by another person, looked at once."""
    persons = (office.person(f"Signer {number}", page) for number in range(RUNS + 1))
    left = [_opened(one.sign(page, "Sig1")) for one in persons]
    issuing = office.issuing.certificate.public_bytes(Encoding.DER)

    def work() -> None:
        one = left.pop()
        if one.signed is None:
            raise AssertionError("the first one is a person's")
        trust = Trust([office.root.certificate], [issuing], ())
        certificate = signer_of(one.signed, one.digest)
        if not trust.standing(certificate, NOW).is_trusted:
            raise AssertionError("its chain leads to the root")

    return work


def _opened(pdf: bytes) -> Opened:
    field, revision = signatures_of(Document(pdf))[0]
    return open_signature(pdf, field, revision.ends)


def _normalised(content: bytes) -> None:
    assert isinstance(normalised(content), Upload)


def _hundred(office: Office) -> int:
    names = [f"Sig{number}" for number in range(SIGNERS)]
    original = pdf = with_boxes(typst.compile(_PAGE), names)
    for name in names:
        pdf = office.person(f"Signer {name}", original).sign(pdf, name)
    return len(office.close(pdf)) - len(original)


class _Tokens(TimeStamper):  # type: ignore[misc]  # it is read without types
    """Our time stamps, for pyHanko."""

    def __init__(self, office: Office) -> None:
        super().__init__(include_nonce=False)
        self._office = office

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        del md_algorithm
        return cms.ContentInfo.load(self._office.token(message_digest, NOW))


def _stock(office: Office, person: Person, pdf: bytes) -> bytes:
    """The same signature by pyHanko as its documentation shows it."""
    store = SimpleCertificateStore()
    chain = [_asn1(one) for one in (office.issuing.certificate, office.root.certificate)]
    store.register_multiple(chain)
    key = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=_asn1(person.certificate),
        signing_key=keys.PrivateKeyInfo.load(key),
        cert_registry=store,
    )
    proofs = office.proofs(person.certificate, NOW)
    context = ValidationContext(
        trust_roots=[chain[1]],
        other_certs=[asn1_x509.Certificate.load(one) for one in proofs.certificates],
        crls=[asn1_crl.CertificateList.load(one) for one in proofs.lists],
        allow_fetching=False,
        moment=NOW,
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Sig1",
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        validation_context=context,
        embed_validation_info=True,
        certify=True,
    )
    out = io.BytesIO()
    asyncio.run(
        signers.async_sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            metadata,
            signer=signer,
            timestamper=_Tokens(office),
            existing_fields_only=True,
            output=out,
        )
    )
    return out.getvalue()


def _stock_verdict(office: Office, pdf: bytes) -> None:
    asyncio.run(_validate(office, pdf))


async def _validate(office: Office, pdf: bytes) -> None:
    reader = PdfFileReader(io.BytesIO(pdf))
    store = DocumentSecurityStore.read_dss(reader)
    lists = [asn1_crl.CertificateList.load(one.get_object().data) for one in store.crls]

    def context() -> Any:
        return ValidationContext(
            trust_roots=[_asn1(office.root.certificate)],
            other_certs=list(store.load_certs()),
            crls=lists,
            allow_fetching=False,
            revocation_mode="hard-fail",
            moment=NOW,
        )

    for one in reader.embedded_signatures:
        if one.sig_object_type == "/DocTimeStamp":
            status: Any = await async_validate_pdf_timestamp(one, context())
        else:
            status = await async_validate_pdf_signature(one, context(), context())
        if not (status.intact and status.valid and status.trusted):
            raise AssertionError(status)


def _asn1(certificate: Any) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
