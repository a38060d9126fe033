"""Banks: orders to them, what they tell, and what nobody could tell what it is for."""
