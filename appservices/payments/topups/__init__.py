"""Money in from banks, and news of banks."""
