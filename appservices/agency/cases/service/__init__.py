"""One transaction of an office, and one case in it."""
