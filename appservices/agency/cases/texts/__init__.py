"""Words for states and refusals, and what a person approves by key."""
