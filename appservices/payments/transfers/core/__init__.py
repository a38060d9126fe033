"""A payment, pure: its states, the rules of its payer, its transfers."""
