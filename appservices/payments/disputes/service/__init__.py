"""Disputes step by step, for persons and organisations."""
