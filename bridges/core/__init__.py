"""What is the same on all networks, without I/O, clock or chance."""
