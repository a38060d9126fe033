"""Boxes laid and drawn into a document."""
