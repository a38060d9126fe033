"""What this institution says of itself, and how others are asked."""
