"""Finding a service by words, pure."""
