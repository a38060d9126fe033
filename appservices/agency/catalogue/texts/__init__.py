"""Texts about a service that people read before there is a case."""
