"""The rules that are the same on all networks, without I/O, clock or chance."""
