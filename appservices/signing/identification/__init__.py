"""Identifying somebody with an account in person."""
