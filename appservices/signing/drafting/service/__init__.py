"""Preparing a document with its requester, and sending it."""
