"""A payment from its question to its receipt."""
