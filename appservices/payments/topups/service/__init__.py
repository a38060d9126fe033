"""Money that comes in, and whom banks concern."""
