"""Questions to payers."""
