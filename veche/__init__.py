"""Veche: an open super app on Matrix."""

__version__ = "0.1.0"
