"""What is done with a payment, and what becomes of it."""
