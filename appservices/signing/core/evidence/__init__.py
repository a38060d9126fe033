"""What is proven of a session to others: the record in a report, and what of it can be checked."""
