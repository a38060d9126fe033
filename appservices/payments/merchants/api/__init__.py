"""HTTP bodies of merchants."""
