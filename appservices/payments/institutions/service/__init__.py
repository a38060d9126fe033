"""This institution's public description, and the client that asks others."""
