"""Persons at other institutions, and payments to them."""
