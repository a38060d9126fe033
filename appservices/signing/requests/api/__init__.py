"""HTTP bodies of requesters."""
