"""Bills, pure: states, division, what is typed."""
