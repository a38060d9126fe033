"""Invoices: their states, what they ask besides, their tax invoices."""
