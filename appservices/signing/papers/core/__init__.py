"""Files that people sign, pure: which are taken, and what a signature may add to them."""
