"""Who is signed in, whose key it is, and what a person approved."""
