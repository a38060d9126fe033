"""Taxes, tax invoices and credit notes, pure."""
