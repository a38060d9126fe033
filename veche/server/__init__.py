"""Processes that carry services: what lives in each, and in which order it starts and ends."""
