"""Use cases of a page, one a function."""
