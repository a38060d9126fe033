"""Files that are signed already: signatures are added to them, and nothing in them is changed.

Such a file is never brought into another form, and gets no boxes: each signer signs in a field of
their own that shows nothing. Whether that can be done is tried out before anybody is asked, with a
signature of nobody; and what its signatures are worth is judged, to be told to all who sign. All of
it runs in the sandbox: an upload is a stranger's.

Source: design of Veche, signing §5.3 and §8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from appservices.signing.papers.core.any_files import any_file
from appservices.signing.papers.core.judged import judged
from appservices.signing.papers.core.uploads import (
    ActingSignedError,
    BrokenSignedError,
    FinalSignedError,
    OtherFormSignedError,
    PackedSignedError,
    SignedAlreadyError,
    SignedUpload,
    UploadError,
)
from appservices.signing.papers.service.uploads import checked_signed, is_pdf, read_upload
from veche.documents.pdf import page_count
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import active_names, dictionaries
from veche.documents.pdf.signing import NewField, Proofs, form_fields, is_signed, prepare_signature
from veche.documents.pdf.structure import revisions
from veche.documents.pdf.values import PdfError, is_reference, referred
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import signatures_of
from veche.runtime.files.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from appservices.signing.papers.core.any_files import AnyFile
    from appservices.signing.papers.core.uploads import Refusal, Upload
    from veche.documents.pdf.structure import Revision
    from veche.documents.pdf.values import Dictionary, Value
    from veche.documents.signatures.report import Report

SANDBOX_IMPORTS: Final = ()
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
_PACKED: Final = re.compile(rb"/(ObjStm|XRef)\b")
_LOCKS: Final = frozenset({b"/All", b"/Exclude"})
"""What locks fields that are not there yet, too."""
_TRIAL: Final = "VecheTrial"
_NO_CHANGES: Final = b"1"
_NOT_READ: Final = frozenset({Verdict.UNSIGNED, Verdict.UNREADABLE})


def read_any(
    content: bytes, name: str, roots: Sequence[bytes], now_ms: int
) -> Upload | SignedUpload | AnyFile:
    """Make a file fit to be signed; what is signed already, or no PDF, stays as it is.

    Call it in a thread.

    Args:
        content: The file as it was sent.
        name: Its name.
        roots: By which signatures in it are judged, DER.
        now_ms: UTC.

    Raises:
        UploadError: It cannot be signed.
        UploadTooLargeError: It is above the limits.
    """
    return read_pdf(content, roots, now_ms) if is_pdf(content) else any_file(content, name)


def read_pdf(content: bytes, roots: Sequence[bytes], now_ms: int) -> Upload | SignedUpload:
    """The same of a PDF.

    Raises:
        UploadError: It cannot be signed, or is no PDF.
        UploadTooLargeError: It is above the limits.
    """
    try:
        return read_upload(content)
    except SignedAlreadyError:
        return read_signed(content, roots, now_ms)


def read_signed(content: bytes, roots: Sequence[bytes], now_ms: int) -> SignedUpload:
    """Look at a file that is signed already; it takes some time, so call it in a thread.

    Args:
        content: The file as it was sent.
        roots: By which it is judged, DER.
        now_ms: UTC.

    Raises:
        UploadError: No signatures can be added to it; its text says why.
        UploadTooLargeError: It is above the limits of uploads.
    """
    try:
        found = in_sandbox(looked_at, content, roots, now_ms)
    except SandboxError as e:
        raise UploadError from e
    if isinstance(found, SignedUpload):
        return found
    raise found


def looked_at(content: bytes, roots: Sequence[bytes], now_ms: int) -> SignedUpload | Refusal:
    """The file as it is, or why nothing can be added to it; what runs in the sandbox."""
    refusal = checked_signed(content)
    if refusal is not None:
        return refusal
    try:
        document = Document(content)
        parts = revisions(document)
    except PdfError:
        return PackedSignedError if _PACKED.search(content) else OtherFormSignedError
    try:
        report = judged(content, roots, now_ms)
        return _refused(document, parts, report) or SignedUpload(
            content, page_count(document), report
        )
    except PdfError:
        return OtherFormSignedError


def _refused(document: Document, parts: Sequence[Revision], report: Report) -> Refusal | None:
    """Why nothing is to be added to a file; None: signatures can be.

    Raises:
        PdfError: Its form is such that they cannot.
    """
    if not is_signed(document):
        raise PdfError("its signatures are not where pages look for them")
    objects = [one for part in parts for one in part.objects.values()]
    if active_names(objects):
        return ActingSignedError
    if _is_final(document, dictionaries(objects)):
        return FinalSignedError
    if report.verdict is Verdict.INVALID:
        return BrokenSignedError
    if report.verdict in _NOT_READ:
        return OtherFormSignedError
    _try(document)
    return None


def free_names(document: Document, wanted: Iterable[str]) -> dict[str, str]:
    """Names for fields that are to be made, by those that one would give them.

    They are the same if none is taken; else all of them begin otherwise.
    """
    names = list(wanted)
    taken = {name for name, _ in form_fields(document)}
    for prefix in _prefixes():
        found = {name: f"{prefix}{name}" for name in names}
        if not taken & set(found.values()):
            return found
    raise AssertionError("a file has an end")


def _prefixes() -> Iterator[str]:
    yield ""
    number = 1
    while True:
        yield f"Veche{number}"
        number += 1


def _is_final(document: Document, held: Iterable[Dictionary]) -> bool:
    """Return whether a signer allows no more signatures: by certification or locked fields."""
    for one in held:
        method = one.get(b"/TransformMethod")
        parameters = _dictionary(document, one.get(b"/TransformParams"))
        if method == b"/DocMDP" and parameters.get(b"/P") == _NO_CHANGES:
            return True
        if method == b"/FieldMDP" and parameters.get(b"/Action") in _LOCKS:
            return True
        lock = _dictionary(document, one.get(b"/Lock"))
        if lock.get(b"/P") == _NO_CHANGES or (lock and lock.get(b"/Action") in _LOCKS):
            return True
    return False


def _dictionary(document: Document, value: Value | None) -> Dictionary:
    """A dictionary, or the one that is referred to; empty if it is none."""
    if is_reference(value):
        value = document.object(referred(value, "a reference")).value
    return value if isinstance(value, dict) else {}


def _try(document: Document) -> None:
    """Make sure that a signature can be added of which nobody says that it changes something.

    Raises:
        PdfError: It cannot.
    """
    before = len(signatures_of(document))
    prepared = prepare_signature(document, NewField(_TRIAL), Proofs([b"0"], [b"0"]), "Trial", 0)
    after = signatures_of(Document(document.pdf + prepared.data))
    if len(after) != before + 1 or after[-1][0].field != _TRIAL:
        raise PdfError("a signature that is added is not found")
