"""Signatures in PDF files: made, and judged by their bytes alone."""
