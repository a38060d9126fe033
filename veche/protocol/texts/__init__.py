"""Texts for people: catalogues, languages, names, and what a person typed."""
