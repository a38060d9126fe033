"""SMS: an account at a message centre, by SMPP 3.4."""
