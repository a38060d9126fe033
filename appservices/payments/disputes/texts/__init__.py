"""Disputes and evidence in words."""
