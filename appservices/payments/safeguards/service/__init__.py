"""Safeguards as commands and jobs reach them."""
