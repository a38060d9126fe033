"""Invoices as they are paid, and the documents of them."""
