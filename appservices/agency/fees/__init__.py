"""Fees: their invoices, what is paid and what comes back."""
