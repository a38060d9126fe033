"""Rules for guardians, and what they are asked."""
