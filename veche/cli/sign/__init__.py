"""Signing on the command line: by a key of one's own, in a session, as an organisation."""
