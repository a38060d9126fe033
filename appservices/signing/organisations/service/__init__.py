"""Drafts of organisations, from files and templates, and what became of them."""
