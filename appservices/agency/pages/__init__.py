"""Pages: what they show of cases, and what is done there."""
