"""Veche: an open super app on Matrix."""
