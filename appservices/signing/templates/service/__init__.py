"""Templates checked and filled in, with and without a chat."""
