"""PDF files as signatures see them: values, revisions, what a revision may add."""

from veche.documents.pdf.appearance import (
    HEIGHT_MAX,
    HEIGHT_MIN,
    WIDTH_MAX,
    WIDTH_MIN,
    Look,
    lines_of,
    picture,
    size_of,
)
from veche.documents.pdf.document import FILE_BYTES_MAX, Document
from veche.documents.pdf.letters import signature_font
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.values import PdfError

__all__ = [
    "FILE_BYTES_MAX",
    "HEIGHT_MAX",
    "HEIGHT_MIN",
    "WIDTH_MAX",
    "WIDTH_MIN",
    "Document",
    "Look",
    "PdfError",
    "lines_of",
    "page_count",
    "picture",
    "signature_font",
    "size_of",
]
