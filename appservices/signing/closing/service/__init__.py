"""How a file is sealed, closed and reported on."""
