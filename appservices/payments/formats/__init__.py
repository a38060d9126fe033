"""Formats of the world: payment codes, links, account numbers and references."""
