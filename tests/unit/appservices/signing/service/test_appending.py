"""Files that others have signed: signatures are added, or it is said why they cannot be."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import hashlib
import io
import subprocess
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel

from appservices.signing.papers.core.uploads import (
    ActingSignedError,
    BrokenSignedError,
    FinalSignedError,
    NotPdfError,
    OtherFormSignedError,
    PackedSignedError,
    SignedAlreadyError,
    SignedUpload,
    Upload,
    UploadError,
)
from appservices.signing.papers.service.appending import free_names, looked_at, read_pdf
from tests.support import elsewhere
from tests.support.forgery import FORGED, find, increment, page
from tests.support.other_programs import UNREAD
from tests.support.programs import program
from tests.support.readers import by_pdfsig, by_pyhanko
from tests.support.signing import Office, ms, with_boxes
from tests.support.tables import each_row
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import NewField, prepare_signature
from veche.documents.pki.cms import Signer, der_of
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from veche.documents.signatures.report import Report


@functools.cache
def office() -> Office:
    # pdfsig judges at the present time.
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- as above
    return Office(now - dt.timedelta(minutes=5))


@functools.cache
def dora() -> elsewhere.Identity:
    return elsewhere.new_identity(office().now, "p256")


def signed_elsewhere(base: bytes | None = None, **meta: Any) -> bytes:
    """A file as pyHanko signs it in a field that it makes."""
    field = meta.pop("field", "Sig1")
    lock = meta.pop("lock", None)
    signer = signers.SimpleSigner(
        signing_cert=elsewhere._asn1(dora().chain[0]),
        signing_key=dora().asn1_key,
        cert_registry=elsewhere._store(dora()),
    )
    options = signers.PdfSignatureMetadata(
        field_name=field, subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256", **meta
    )
    spec = fields.SigFieldSpec(field, field_mdp_spec=lock)
    work = signers.PdfSigner(options, signer=signer, new_field_spec=spec).async_sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(page("Pay 100 EUR to Bob") if base is None else base))
    )
    return bytes(asyncio.run(work).getvalue())


@functools.cache
def of_dora() -> bytes:
    return signed_elsewhere()


@functools.cache
def of_ours() -> bytes:
    """Signed and closed here."""
    pdf = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    signed = office().person("Carol Clark", pdf).sign(pdf, "Sig1")
    return office().close(signed, name="Closed")


def added(pdf: bytes, name: str, field: str, document: bytes | None = None) -> bytes:
    """The file with one more signature in a field of its own."""
    who = office().person(name, pdf if document is None else document)
    proofs = office().proofs(who.certificate, office().now)
    prepared = prepare_signature(Document(pdf), NewField(field), proofs, name, ms(office().now))
    signer = Signer(who.certificate, [office().issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = who.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = office().token(hashlib.sha256(signature).digest(), office().now)
    return pdf + prepared.filled(signer.detached(attributes, signature, token))


def closed(pdf: bytes) -> bytes:
    """Alice and Bob have signed what was there, each in a field of their own; then it is closed."""
    both = added(added(pdf, "Alice Adams", "Add1"), "Bob Brown", "Add2", pdf)
    return office().close(both, name="Ended")


def judged(pdf: bytes, *more: Any) -> Report:
    roots = [office().root.certificate, *more]
    return judge(pdf, Trusted(roots, office().now + dt.timedelta(minutes=1)))


def looked(pdf: bytes) -> Any:
    return looked_at(pdf, [der_of(office().root.certificate)], ms(office().now))


def test_what_is_added_to_a_closed_file_of_ours_is_as_good_as_that() -> None:
    found = judged(closed(of_ours()))

    assert found.verdict is Verdict.SEALED, found.findings
    assert [one.name for one in found.signers] == ["Carol Clark", "Alice Adams", "Bob Brown"]
    assert all(one.is_proven for one in found.signers)


def test_what_is_added_to_a_file_of_others_is_proven_and_theirs_is_not() -> None:
    found = judged(closed(of_dora()))

    assert found.verdict is Verdict.UNPROVEN
    assert [(one.name, one.is_proven) for one in found.signers] == [
        ("Dora Diaz", False),
        ("Alice Adams", True),
        ("Bob Brown", True),
    ]
    assert {one.reason for one in found.findings} == {
        *(Reason.ELSEWHERE, Reason.UNKNOWN_SIGNER, Reason.NO_STAMP)
    }
    assert found.document_sha256 == hashlib.sha256(of_dora()).digest()


def test_whose_root_is_known_is_known_and_the_file_still_not_green() -> None:
    found = judged(closed(of_dora()), dora().root)

    assert found.verdict is Verdict.SIGNED
    assert {one.reason for one in found.findings} == {
        *(Reason.ELSEWHERE, Reason.NO_STAMP, Reason.LISTS)
    }


@pytest.mark.parametrize("base", [of_dora, of_ours])
def test_a_page_that_is_changed_after_what_was_added_is_red(base: Callable[[], bytes]) -> None:
    pdf = closed(base())
    number, _ = find(pdf, b"Tj ET")

    assert judged(increment(pdf, {number: FORGED})).verdict is Verdict.INVALID
    assert judged(office().close(increment(pdf, {number: FORGED}), name="Z")).verdict is (
        Verdict.INVALID
    )


@pytest.mark.parametrize("base", [of_dora, of_ours])
def test_a_page_that_is_changed_before_what_is_added_is_never_proven(
    base: Callable[[], bytes],
) -> None:
    number, _ = find(base(), b"Tj ET")
    forged = increment(base(), {number: FORGED})

    found = looked(forged)
    assert found is BrokenSignedError or found.report.verdict is Verdict.UNPROVEN

    try:
        report = judged(closed(forged))
    except ValueError:
        return  # nothing can be added
    assert report.verdict in (Verdict.INVALID, Verdict.UNPROVEN)
    assert not any(one.is_proven for one in report.signers if one.name == "Dora Diaz")


def test_a_broken_signature_of_others_makes_all_of_it_red() -> None:
    at = of_dora().index(b"100 EUR")
    forged = of_dora()[:at] + b"900" + of_dora()[at + 3 :]

    assert looked(forged) is BrokenSignedError
    assert judged(closed(forged)).verdict is Verdict.INVALID


def test_a_file_that_others_have_signed_stays_byte_for_byte() -> None:
    roots, now_ms = [der_of(office().root.certificate)], ms(office().now)
    for pdf in (of_dora(), of_ours()):
        found = read_pdf(pdf, roots, now_ms)
        assert isinstance(found, SignedUpload)
        assert (found.pdf, found.pages) == (pdf, 1)
    plain = read_pdf(page("Pay"), roots, now_ms)
    assert isinstance(plain, Upload)
    with pytest.raises(NotPdfError):
        read_pdf(b"hello", roots, now_ms)


def packed() -> bytes:
    return elsewhere.sign(elsewhere.packed_page(), dora())


def locked_all() -> bytes:
    return signed_elsewhere(lock=fields.FieldMDPSpec(fields.FieldMDPAction.ALL))


def acting() -> bytes:
    script = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"
    return signed_elsewhere(page("Pay", catalog=script))


def encrypted() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page("Pay"))) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="x", user="y"))
    return out.getvalue()


@each_row(
    ("make", "refusal"),
    [
        (packed, PackedSignedError),
        (
            lambda: signed_elsewhere(certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES),
            FinalSignedError,
        ),
        (locked_all, FinalSignedError),
        (acting, ActingSignedError),
        (lambda: of_dora()[:-300], UploadError),
        (lambda: of_dora() + b"\n% a remark\n", OtherFormSignedError),
        (UNREAD["SHA-1"], OtherFormSignedError),
    ],
)
def test_it_is_said_why_nothing_can_be_added(
    make: Callable[[], bytes], refusal: type[UploadError]
) -> None:
    assert looked(make()) is refusal


def test_each_refusal_says_something_else_and_has_one_code() -> None:
    kinds: list[type[SignedAlreadyError]] = [
        *(SignedAlreadyError, PackedSignedError, FinalSignedError, ActingSignedError),
        *(BrokenSignedError, OtherFormSignedError),
    ]

    assert len({one.text for one in kinds}) == len(kinds)
    assert {one.errcode for one in kinds} == {"ORG.VECHE.DOCUMENT_SIGNED_ALREADY"}


def test_a_certification_that_allows_signatures_is_no_hindrance() -> None:
    pdf = signed_elsewhere(certify=True, docmdp_permissions=fields.MDPPerm.FILL_FORMS)

    found = looked(pdf)

    assert isinstance(found, SignedUpload), found
    assert judged(closed(pdf)).verdict is Verdict.UNPROVEN


def test_names_of_fields_that_are_taken_are_not_taken_again() -> None:
    document = Document(of_ours())

    assert free_names(document, ["Sig7", "Sig8"]) == {"Sig7": "Sig7", "Sig8": "Sig8"}
    assert free_names(document, ["Sig1", "Sig2"]) == {"Sig1": "Veche1Sig1", "Sig2": "Veche1Sig2"}
    assert free_names(document, ["Closed"]) == {"Closed": "Veche1Closed"}


def test_pdfsig_and_qpdf_find_the_old_and_the_new_signatures_valid(tmp_path: Path) -> None:
    for name, base, old in (("dora", of_dora(), 1), ("ours", of_ours(), 1)):
        folder = tmp_path / name
        folder.mkdir()
        pdf = closed(base)
        said = by_pdfsig(folder, pdf, office().root.certificate)

        assert said.count("Signature is Valid.") == old + 2, said
        (folder / "file.pdf").write_bytes(pdf)
        checked = subprocess.run(
            [program("qpdf"), "--check", str(folder / "file.pdf")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("base", [of_dora, of_ours])
def test_pyhanko_finds_the_old_and_the_new_signatures_intact(base: Callable[[], bytes]) -> None:
    pdf = closed(base())

    found = by_pyhanko(pdf, office().root.certificate, office().now + dt.timedelta(seconds=5))

    assert all(one.intact and one.valid for one in found)
    new = [one for one in found if type(one).__name__ == "PdfSignatureStatus"][-2:]
    assert [one.bottom_line for one in new] == [True, True]
    first = found[0]
    assert first.modification_level is None or (
        first.modification_level <= ModificationLevel.FORM_FILLING
    )
