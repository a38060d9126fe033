"""Acts of parties, what their keys approve, and what follows."""
