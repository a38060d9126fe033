"""Uploads are brought into the sealed profile before anybody signs: what all readers show alike.

Forms and comments become content of the pages, what can act or switch is left out, and what nothing
refers to vanishes, as the file is written anew. A file that is in the profile already, such as one
of typst's, stays as it is. All of it runs in the sandbox: an upload is a stranger's.

Source: design of Veche, signing §8.4.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.papers.core.uploads import (
    PAGES_MAX,
    UPLOAD_BYTES_MAX,
    EmptyError,
    EmptyFileError,
    EncryptedError,
    Note,
    NotPdfError,
    SignedAlreadyError,
    Upload,
    UploadError,
    UploadTooLargeError,
    XfaError,
)
from veche.documents.pdf import page_count
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import active_names, dictionaries, has_other_signatures
from veche.documents.pdf.structure import revisions
from veche.documents.pdf.values import PdfError, is_reference, referred
from veche.runtime.files.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pikepdf

    from appservices.signing.papers.core.uploads import Refusal
    from veche.documents.pdf.document import PdfObject
    from veche.documents.pdf.values import Dictionary

SANDBOX_IMPORTS: Final = ("pikepdf",)
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
_BEGINNING: Final = re.compile(rb"\s{0,64}%PDF-\d")
_ROOT_KEPT: Final = frozenset(
    {
        "/Type",
        "/Pages",
        "/Version",
        "/Metadata",
        "/Lang",
        "/MarkInfo",
        "/StructTreeRoot",
        "/OutputIntents",
        "/PageLabels",
        "/PageLayout",
        "/ViewerPreferences",
    }
)
_CONTENT_BYTES_MAX: Final = 200 * 1024 * 1024
"""Of what draws all pages, unpacked."""
_STRUCTURE: Final = ("/StructTreeRoot", "/MarkInfo")
_STREAM_DROPPED: Final = ("/Alternates", "/OPI", "/Ref")
"""What a program may draw in place of a picture."""
_PAGE_DROPPED: Final = (
    "/AA",
    "/Annots",
    "/B",
    "/Dur",
    "/PieceInfo",
    "/PresSteps",
    "/Tabs",
    "/Thumb",
    "/Trans",
)
_ROOT_NOTES: Final = {
    "/AA": Note.SCRIPTS,
    "/AcroForm": Note.FORM,
    "/Collection": Note.ATTACHMENTS,
    "/OCProperties": Note.LAYERS,
    "/OpenAction": Note.SCRIPTS,
    "/Outlines": Note.LINKS,
}
_NAMES_NOTES: Final = {"/JavaScript": Note.SCRIPTS, "/EmbeddedFiles": Note.ATTACHMENTS}
_SIMPLE_FONTS: Final = frozenset({b"/Type1", b"/MMType1", b"/TrueType"})
_CID_FONTS: Final = frozenset({b"/CIDFontType0", b"/CIDFontType2"})
_FONT_FILES: Final = frozenset({b"/FontFile", b"/FontFile2", b"/FontFile3"})


def read_upload(content: bytes) -> Upload:
    """Make a file fit to be signed. It takes up to 30 s of another process, so call it in a thread.

    The same file gives the same bytes.

    Args:
        content: The file as it was sent.

    Raises:
        UploadError: It cannot be signed; its text says what would help.
        UploadTooLargeError: It is above ``UPLOAD_BYTES_MAX`` or has more than ``PAGES_MAX`` pages.
    """
    if len(content) > UPLOAD_BYTES_MAX:
        raise UploadTooLargeError
    if not content:
        raise EmptyFileError
    if not is_pdf(content):
        raise NotPdfError
    try:
        found = in_sandbox(normalised, content)
    except SandboxError as e:
        raise UploadError from e
    if isinstance(found, Upload):
        return found
    raise found


def is_pdf(content: bytes) -> bool:
    """Return whether a file begins as PDFs do."""
    return _BEGINNING.match(content) is not None


def normalised(content: bytes) -> Upload | Refusal:
    """A file in the sealed profile, or why there is none; what runs in the sandbox."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    try:
        return _kept(content) or _rewritten(content)
    except _Refused as e:
        return e.refusal
    except (PdfError, pikepdf.PdfError):
        return UploadError


def checked_signed(content: bytes) -> Refusal | None:
    """Why a file that is signed already cannot be signed by others, whatever is done with it."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    try:
        with _opened(content) as document:
            _check_contents(document)
            _check(document, content)
    except _Refused as e:
        return None if e.refusal is SignedAlreadyError else e.refusal
    except (PdfError, pikepdf.PdfError):
        return UploadError
    return None


class _Refused(Exception):  # noqa: N818 -- an answer, no error
    """The upload is not taken."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def _kept(content: bytes) -> Upload | None:
    """The upload as it is, if it is in the profile and nothing in it acts or may change."""
    try:
        objects, pages = _read(content)
    except PdfError:
        return None
    held = list(dictionaries(objects))
    if active_names(objects) or has_other_signatures(objects) or _has_notes(held):
        return None
    if not pages:
        raise _Refused(EmptyError)
    with _opened(content) as document:
        _check_contents(document)
    attached = (Note.CARRIES,) if any(b"/EmbeddedFiles" in one for one in held) else ()
    return Upload(content, pages, is_kept=True, notes=(*attached, *_font_notes(objects)))


def _has_notes(held: list[Dictionary]) -> bool:
    """Return whether there is a form or a drawn annotation; links alone do not count."""
    return any(
        b"/AcroForm" in one
        or (one.get(b"/Type") == b"/Annot" and one.get(b"/Subtype") != b"/Link")
        or (b"/Rect" in one and one.get(b"/Subtype", b"/Link") != b"/Link")
        for one in held
    )


def _read(pdf: bytes) -> tuple[list[PdfObject], int]:
    """The newest objects of a file in the sealed profile, and its pages.

    Raises:
        PdfError: It is outside the profile.
    """
    document = Document(pdf)
    objects = {number: one for part in revisions(document) for number, one in part.objects.items()}
    if any(one.data is not None and b"/F" in _entries(one) for one in objects.values()):
        raise PdfError("a stream is in another file")
    return list(objects.values()), page_count(document)


def _entries(one: PdfObject) -> Dictionary:
    return one.value if isinstance(one.value, dict) else {}


def _rewritten(content: bytes) -> Upload:
    with _opened(content) as document:
        _check(document, content)
        _check_contents(document)
        notes = _flattened(document)
        pdf = _saved(document)
        if active_names(_read(pdf)[0]):
            # Structure refers to what was on the pages, and what could act there.
            notes.append(Note.TAGS)
            for key in _STRUCTURE:
                if key in document.Root:
                    del document.Root[key]
            pdf = _saved(document)
    objects, pages = _read(pdf)
    if active_names(objects):
        raise PdfError("something in it still acts")
    found = dict.fromkeys([*notes, *_font_notes(objects)])
    return Upload(pdf, pages, is_kept=False, notes=tuple(found))


def _opened(content: bytes) -> pikepdf.Pdf:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    try:
        # Without recovery: of a file that was cut off, what is left would be signed as the whole.
        return pikepdf.open(io.BytesIO(content), attempt_recovery=False)
    except pikepdf.PasswordError as e:
        raise _Refused(EncryptedError) from e


def _check(document: pikepdf.Pdf, content: bytes) -> None:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    if document.is_encrypted:
        raise _Refused(EncryptedError)
    form = document.Root.get("/AcroForm", pikepdf.Dictionary())
    if not isinstance(form, pikepdf.Dictionary):
        raise PdfError("the form is none")
    if "/XFA" in form:
        raise _Refused(XfaError)
    if "/Perms" in document.Root or _is_signed(document, content):
        raise _Refused(SignedAlreadyError)
    if len(document.pages) > PAGES_MAX:
        raise _Refused(UploadTooLargeError)
    if not document.pages:
        raise _Refused(EmptyError)


def _check_contents(document: pikepdf.Pdf) -> None:
    """Make sure that what draws the pages can be read whole, and does not swell beyond bounds."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    total = 0
    for page in document.pages:
        held = page.get("/Contents", pikepdf.Array())
        for one in held if isinstance(held, pikepdf.Array) else [held]:
            total += len(one.read_bytes())
            if total > _CONTENT_BYTES_MAX:
                raise _Refused(UploadTooLargeError)


def _is_signed(document: pikepdf.Pdf, content: bytes) -> bool:
    # A signature's dictionary stands in the file as it is, or its range could not be told.
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    if b"/ByteRange" not in content:
        return False
    return any(
        isinstance(one, pikepdf.Dictionary) and "/ByteRange" in one for one in _all(document)
    )


def _all(document: pikepdf.Pdf) -> Iterator[Any]:
    """All objects, and what is in their dictionaries and arrays."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    stack: list[Any] = list(document.objects)
    while stack:
        one = stack.pop()
        yield one
        inner = one.values() if isinstance(one, pikepdf.Dictionary) else one
        if isinstance(one, pikepdf.Dictionary | pikepdf.Array):
            stack += [each for each in inner if _is_direct_container(each)]


def _is_direct_container(one: Any) -> bool:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    return isinstance(one, pikepdf.Dictionary | pikepdf.Array) and not one.is_indirect


def _flattened(document: pikepdf.Pdf) -> list[Note]:
    """Leave nothing but pages; what was there besides."""
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    notes = _root_notes(document.Root)
    notes += {_kind(one) for page in document.pages for one in page.get("/Annots", [])}
    if "/AcroForm" in document.Root:
        document.generate_appearance_streams()
    document.flatten_annotations("all")
    for key in set(document.Root.keys()) - _ROOT_KEPT:
        del document.Root[key]
    for page in document.pages:
        if any(key in page for key in ("/AA", "/PresSteps")):
            notes.append(Note.SCRIPTS)
        for key in _PAGE_DROPPED:
            if key in page:
                del page[key]
    for one in document.objects:
        for key in _STREAM_DROPPED:
            if isinstance(one, pikepdf.Stream) and key in one:
                del one[key]
    document.remove_unreferenced_resources()
    return [note for note in Note if note in notes]


def _root_notes(root: Any) -> list[Note]:
    names = root.get("/Names", {})
    return [
        *(note for key, note in _ROOT_NOTES.items() if key in root),
        *(note for key, note in _NAMES_NOTES.items() if key in names),
    ]


def _kind(annotation: Any) -> Note:
    kind = annotation.get("/Subtype")
    if kind == "/Link":
        return Note.LINKS
    if kind == "/Widget":
        return Note.FORM
    return Note.ATTACHMENTS if kind == "/FileAttachment" else Note.COMMENTS


def _saved(document: pikepdf.Pdf) -> bytes:
    import pikepdf  # noqa: PLC0415 -- 6 MiB, and only the sandbox reads

    out = io.BytesIO()
    document.save(
        out,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        linearize=False,
        min_version="1.7",
        deterministic_id=True,
    )
    return out.getvalue()


def _font_notes(objects: list[PdfObject]) -> tuple[Note, ...]:
    """A remark if a font is used that the file does not bring."""
    by_number = {one.number: one.value for one in objects}
    for held in dictionaries(objects):
        kind = held.get(b"/Subtype")
        if held.get(b"/Type") == b"/Font" and kind in _SIMPLE_FONTS | _CID_FONTS:
            descriptor = held.get(b"/FontDescriptor")
            if is_reference(descriptor):
                descriptor = by_number.get(referred(descriptor, "a font"))
            if not isinstance(descriptor, dict) or not _FONT_FILES & descriptor.keys():
                return (Note.FONTS,)
    return ()
