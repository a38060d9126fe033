"""Statements made, as files and as PDF."""
