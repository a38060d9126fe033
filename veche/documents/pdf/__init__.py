"""PDF files as signatures see them: values, revisions, what a revision may add."""

from veche.documents.pdf.letters import signature_font
from veche.documents.pdf.pages import page_count

__all__ = ["page_count", "signature_font"]
