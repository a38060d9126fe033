"""SQL of movements between institutions."""
