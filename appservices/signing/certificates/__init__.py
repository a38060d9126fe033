"""Certificates of persons: kept, listed and revoked."""
