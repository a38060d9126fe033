"""Certificates and lists, pure: how ours are made, and which of others are taken."""
