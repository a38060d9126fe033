"""Organisations that are paid: invoices and codes of theirs, over HTTP and by name."""
