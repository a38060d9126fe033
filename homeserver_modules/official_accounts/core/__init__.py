"""Compare names by what the eye sees of them; pure."""
