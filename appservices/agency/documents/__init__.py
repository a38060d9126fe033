"""Documents that an office issues: made, sealed, stored."""
