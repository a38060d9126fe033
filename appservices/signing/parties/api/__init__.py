"""HTTP bodies of pages and programs of parties."""
