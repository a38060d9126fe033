"""Others read our signatures as we do: pyHanko, pdfsig with NSS, qpdf, OpenSSL."""

from __future__ import annotations

import datetime as dt
import functools
import subprocess
from typing import TYPE_CHECKING

import typst
from pyhanko.sign.diff_analysis import ModificationLevel

from tests.support.programs import program
from tests.support.readers import by_openssl, by_pdfsig, by_pyhanko
from tests.support.signing import Office, with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA512
from veche.documents.signatures.checking import open_signature
from veche.documents.signatures.verdict import signatures_of

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Alice Adams", "Боб Браун", "Carol Clark")


@functools.cache
def office() -> Office:
    # pdfsig judges at the present time.
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
    return Office(now - dt.timedelta(hours=1))


def lease_page() -> bytes:
    """A page of typst, PDF/A-3b."""
    source = '#set document(title: [Lease])\n#set text(lang: "en")\nLease. Договор.'
    return bytes(typst.compile(source.encode(), pdf_standards=["a-3b"]))


@functools.cache
def closed() -> bytes:
    """Three signers and a closing stamp on a page of typst, PDF/A-3b."""
    pdf = original = with_boxes(lease_page(), ["Sig1", "Sig2", "Sig3"])
    for number, name in enumerate(NAMES, 1):
        pdf = office().person(name, original).sign(pdf, f"Sig{number}")
    return office().close(pdf)


def test_pyhanko_believes_each_signature_and_sees_nothing_but_signatures_after_it() -> None:
    moment = office().now + dt.timedelta(seconds=5)
    found = by_pyhanko(closed(), office().root.certificate, moment)

    assert [one.bottom_line for one in found[:-1]] == [True, True, True]
    assert all(one.modification_level <= ModificationLevel.FORM_FILLING for one in found[:-1])
    assert (found[-1].intact, found[-1].valid, found[-1].trusted) == (True, True, True)


def test_pdfsig_trusts_each_signer(tmp_path: Path) -> None:
    said = by_pdfsig(tmp_path, closed(), office().root.certificate)

    assert said.count("Signature is Valid.") == len(NAMES)
    assert said.count("Certificate is Trusted.") == len(NAMES)
    assert all(f"Signer Certificate Common Name: {name}" in said for name in NAMES)
    assert "- Total document signed" in said


@functools.cache
def closed_by_sha512() -> bytes:
    """The same, with a closing stamp by SHA-512 from an authority that was made with it."""
    by, now = SHA512, office().now
    original = with_boxes(lease_page(), ["Sig1"])
    pdf = office().person(NAMES[0], original).sign(original, "Sig1")
    stamping = office().new_stamping(now, by)
    proofs = Proofs(
        [der_of(stamping.certificate)], [office().list_of(stamping.certificate, now, by)]
    )
    return office().close(pdf, proofs=proofs, stamping=stamping, by=by)


def test_others_believe_a_stamp_by_sha512(tmp_path: Path) -> None:
    moment = office().now + dt.timedelta(seconds=5)
    signer, stamp = by_pyhanko(closed_by_sha512(), office().root.certificate, moment)
    said = by_pdfsig(tmp_path, closed_by_sha512(), office().root.certificate)

    assert (signer.bottom_line, signer.md_algorithm) == (True, "sha256")
    assert (stamp.intact, stamp.valid, stamp.trusted) == (True, True, True)
    assert stamp.md_algorithm == "sha512"
    assert said.count("Signature is Valid.") == 1
    assert said.count("Certificate is Trusted.") == 1
    assert "- Total document signed" in said


def test_qpdf_finds_nothing_wrong_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "file.pdf").write_bytes(closed())

    done = subprocess.run(
        [program("qpdf"), "--check", str(tmp_path / "file.pdf")],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "No syntax or stream encoding errors found" in done.stdout


def test_openssl_verifies_the_signature_taken_out_of_the_file(tmp_path: Path) -> None:
    field, revision = signatures_of(Document(closed()))[0]
    open_signature(closed(), field, revision.ends)

    by_openssl(tmp_path, closed(), field, office().root.certificate)
