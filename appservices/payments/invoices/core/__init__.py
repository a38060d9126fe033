"""Invoices, pure: states, orders, quotes, shares."""
