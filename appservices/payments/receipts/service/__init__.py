"""Receipts that ride beside news, and receipts as PDF."""
