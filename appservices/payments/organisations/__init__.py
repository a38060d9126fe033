"""Organisations as callers over HTTP: keys, the same request again, events."""
