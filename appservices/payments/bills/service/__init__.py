"""Bills asked, paid in shares, and ended."""
