"""PDF files as signatures see them: values, revisions, what a revision may add."""

from veche.documents.pdf.document import FILE_BYTES_MAX, Document
from veche.documents.pdf.letters import signature_font
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.values import PdfError

__all__ = ["FILE_BYTES_MAX", "Document", "PdfError", "page_count", "signature_font"]
