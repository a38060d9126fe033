"""A payment as it is kept: states, rules, transfers, names; and what is asked about it."""
