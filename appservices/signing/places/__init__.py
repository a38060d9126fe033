"""Where in a document people sign, and how a signature looks there."""
