"""What others make of a signed PDF: pyHanko, and pdfsig with NSS."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext

from tests.support.programs import program

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from cryptography.x509 import Certificate

    from veche.documents.pdf.grammar import SignatureField


def by_pyhanko(
    pdf: bytes, root: Certificate | Sequence[Certificate], moment: dt.datetime
) -> list[Any]:
    """Status of each signature, first to last, by the proofs in the file alone."""
    roots = root if isinstance(root, Sequence) else [root]
    return asyncio.run(_statuses(pdf, roots, moment))


async def _statuses(pdf: bytes, roots: Sequence[Certificate], moment: dt.datetime) -> list[Any]:
    reader = PdfFileReader(io.BytesIO(pdf))
    store = DocumentSecurityStore.read_dss(reader)
    lists = [asn1_crl.CertificateList.load(one.get_object().data) for one in store.crls]
    answers = [asn1_ocsp.OCSPResponse.load(one.get_object().data) for one in store.ocsps]
    trusted = [asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in roots]

    def context() -> ValidationContext:
        return ValidationContext(
            trust_roots=trusted,
            other_certs=list(store.load_certs()),
            crls=lists,
            ocsps=answers,
            allow_fetching=False,
            revocation_mode="hard-fail",
            moment=moment,
        )

    return [
        await async_validate_pdf_timestamp(one, context())
        if one.sig_object_type == "/DocTimeStamp"
        else await async_validate_pdf_signature(one, context(), context())
        for one in reader.embedded_signatures
    ]


def by_pdfsig(folder: Path, pdf: bytes, root: Certificate) -> str:
    """What pdfsig prints; it judges at the present time.

    Args:
        folder: Of the test, for the file and the store of NSS.
        pdf: The file.
        root: That NSS trusts.
    """
    (folder / "file.pdf").write_bytes(pdf)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    store = f"sql:{folder}"
    certutil = program("certutil")
    subprocess.run([certutil, "-N", "-d", store, "--empty-password"], check=True)
    adding = ["-A", "-d", store, "-n", "root", "-t", "C,C,C", "-i", str(folder / "root.pem")]
    subprocess.run([certutil, *adding], check=True)
    pdfsig = [program("pdfsig"), "-nssdir", str(folder)]
    return subprocess.run(
        [*pdfsig, str(folder / "file.pdf")], check=True, capture_output=True, text=True
    ).stdout


def by_openssl(folder: Path, pdf: bytes, field: SignatureField, root: Certificate) -> None:
    """Make sure that OpenSSL believes a signature that is taken out of a file, as CAdES.

    Args:
        folder: Of the test.
        pdf: The file.
        field: Of the signature.
        root: That OpenSSL trusts; certificates between it and the signer's are in the file.
    """
    start, hole, resume, rest = field.byte_range
    covered = pdf[start:hole] + pdf[resume : resume + rest]
    store = DocumentSecurityStore.read_dss(PdfFileReader(io.BytesIO(pdf)))
    held = [x509.load_der_x509_certificate(one.dump()) for one in store.load_certs()]
    room = bytes.fromhex(field.contents[1:-1].decode())
    for name, data in {
        "content": covered,
        "signature": room[: parser.peek(room)],
        "root.pem": root.public_bytes(Encoding.PEM),
        "held.pem": b"".join(one.public_bytes(Encoding.PEM) for one in held),
    }.items():
        (folder / name).write_bytes(data)
    command = [program("openssl"), "cms", "-verify", "-cades", "-binary"]
    done = subprocess.run(
        [
            *command,
            *("-inform", "DER", "-in", "signature", "-content", "content", "-purpose", "any"),
            *("-CAfile", "root.pem", "-certfile", "held.pem", "-out", "out"),
        ],
        cwd=folder,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "out").read_bytes() == covered
