"""Movements between institutions as ISO 20022 has them."""
