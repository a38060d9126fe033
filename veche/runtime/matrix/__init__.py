"""The homeserver: its client API, what it pushes to us, rooms and media."""
