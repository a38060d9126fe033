"""Invoices as merchants issue, confirm and take back them."""
