"""Taxes of invoices, and the documents that tell of them."""
