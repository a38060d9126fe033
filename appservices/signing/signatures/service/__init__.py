"""Certificates for one document, signatures as they are handed in, keys at providers."""
