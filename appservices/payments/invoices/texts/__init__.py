"""Invoices in words."""
