"""Intake of a file to be signed: taken, with remarks, or refused."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ProtocolError, TooLargeError
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from veche.documents.signatures.report import Report
    from veche.protocol.texts.catalogue import Catalogue

UPLOAD_BYTES_MAX: Final = 50 * 1024 * 1024
PAGES_MAX: Final = 2000
LIMITS: Final[Mapping[str, int]] = {
    "megabytes": UPLOAD_BYTES_MAX // (1024 * 1024),
    "pages": PAGES_MAX,
}


class Note(enum.Enum):
    """A change in an upload, for the sender to check before it is sent on."""

    FORM = "form"
    """Its form was filled in for good."""
    COMMENTS = "comments"
    """Comments and drawings on pages became parts of the pages, or were left out if hidden."""
    LINKS = "links"
    """Links and bookmarks cannot be followed any more."""
    SCRIPTS = "scripts"
    """Programs, and what happens when it is opened, were left out."""
    LAYERS = "layers"
    """Layers cannot be switched any more: all of them are shown."""
    ATTACHMENTS = "attachments"
    """Files in it were left out."""
    CARRIES = "carries"
    """Files are attached to it, and whoever signs it signs them too."""
    TAGS = "tags"
    """The structure for screen readers was left out, as programs were in it."""
    FONTS = "fonts"
    """Letters may look different elsewhere: a font is not in it."""


@attrs.frozen
class Upload:
    """A file that can be signed.

    Attributes:
        pdf: In the sealed profile.
        pages: How many it has, from 1.
        is_kept: Whether it is the upload, byte for byte.
        notes: What was changed besides the form of the file; remarks.
    """

    pdf: bytes
    pages: int
    is_kept: bool
    notes: tuple[Note, ...] = ()


@attrs.frozen
class SignedUpload:
    """A file that is signed already, to which signatures can be added.

    Attributes:
        pdf: It, byte for byte.
        pages: How many it has, from 1.
        report: On the signatures that it has.
    """

    pdf: bytes
    pages: int
    report: Report


class UploadError(ProtocolError):
    """A file cannot be signed; its text says why, and what would help."""

    errcode = "ORG.VECHE.DOCUMENT_UNREADABLE"
    text: str = N_("This file is damaged: open it where it was made, save it again, and send that.")

    def __init__(self) -> None:
        super().__init__(self.text)


class NotPdfError(UploadError):
    """The file is no PDF, though it is called one, or only a PDF is taken."""

    errcode = "ORG.VECHE.DOCUMENT_NOT_PDF"
    text = N_("This file is no PDF: save or print it as PDF, and send that.")


class EncryptedError(UploadError):
    """The file is encrypted, or protected by a password."""

    errcode = "ORG.VECHE.DOCUMENT_ENCRYPTED"
    text = N_("This PDF is locked by a password: save it without one, and send that.")


class XfaError(UploadError):
    """The file is a form that only one program shows (XFA)."""

    errcode = "ORG.VECHE.DOCUMENT_XFA"
    text = N_(
        "This PDF is a form that most programs cannot show (XFA): fill it in, print it as PDF,"
        " and send that."
    )


class SignedAlreadyError(UploadError):
    """The file has a signature already, which would be broken."""

    errcode = "ORG.VECHE.DOCUMENT_SIGNED_ALREADY"
    text = N_(
        "This PDF is signed already, and a change would break that signature: send the document"
        " as it was before, or have signatures only added to it."
    )


class PackedSignedError(SignedAlreadyError):
    """The file is signed, and packed in a way to which nothing is added here."""

    text = N_(
        "This PDF is signed already, and its tables are packed (object streams): signatures cannot"
        " be added to it here without writing it anew. Send the document as it was before."
    )


class FinalSignedError(SignedAlreadyError):
    """The file is signed by somebody who forbade any further signature."""

    text = N_(
        "The signer of this PDF allowed nothing to be added to it: one more signature would break"
        " theirs. Send the document as it was before."
    )


class ActingSignedError(SignedAlreadyError):
    """The file is signed, and can change what it shows."""

    text = N_(
        "This PDF is signed already, and programs are in it that can change what it shows: nobody"
        " signs that here. Send the document as it was before, without them."
    )


class BrokenSignedError(SignedAlreadyError):
    """A signature in the file does not hold, or something was changed after it."""

    text = N_(
        "A signature in this PDF does not hold, or it was changed after it was signed: do not rely"
        " on it. Ask who sent it to you for another one."
    )


class OtherFormSignedError(SignedAlreadyError):
    """The file is signed, and of a form to which signatures are not added here."""

    text = N_(
        "This PDF is signed already, and its form or its tables are such that a signature cannot be"
        " added without changing them. Send the document as it was before."
    )


class EmptyError(UploadError):
    """The file has no pages."""

    errcode = "ORG.VECHE.DOCUMENT_EMPTY"
    text = N_("This PDF has no pages: send one that has.")


class EmptyFileError(EmptyError):
    """There is nothing in the file."""

    text = N_("This file is empty: send one that has something in it.")


class UploadTooLargeError(TooLargeError):
    """A file, or its pages, are over the limits of what is signed here."""

    text: str = N_("This file is above {megabytes} MB or {pages} pages: send it in parts.")

    def __init__(self) -> None:
        super().__init__(self.text.format(**LIMITS))


Refusal = type[UploadError] | type[UploadTooLargeError]

_NOTES: Final[Mapping[Note, str]] = {
    Note.FORM: N_("Its form was filled in for good: nobody can change the answers any more."),
    Note.COMMENTS: N_("Comments and drawings became part of the pages; hidden ones were left out."),
    Note.LINKS: N_("Links and bookmarks cannot be followed any more."),
    Note.SCRIPTS: N_("Programs in it were left out."),
    Note.LAYERS: N_("Layers cannot be switched any more: all of them are shown."),
    Note.ATTACHMENTS: N_("Files attached to it were left out: send them separately."),
    Note.CARRIES: N_("Files are attached to it: whoever signs it signs them too."),
    Note.TAGS: N_("Its structure for screen readers was left out."),
    Note.FONTS: N_("It does not bring all of its fonts: letters may look different elsewhere."),
}

REMARKS: Final = frozenset({Note.CARRIES, Note.FONTS})
"""Of what was left as it was, and whoever sent it should know."""


def refusal_text(catalogue: Catalogue, language: str, error: UploadError | TooLargeError) -> str:
    """Why a file cannot be signed and what would help, for whoever sent it."""
    text = error.text if isinstance(error, UploadError) else UploadTooLargeError.text
    return catalogue.text(language, text, **LIMITS)


def note_texts(catalogue: Catalogue, language: str, notes: Iterable[Note]) -> list[str]:
    """Write the changes and remarks for the sender, a sentence each."""
    return [catalogue.text(language, _NOTES[note]) for note in notes]
