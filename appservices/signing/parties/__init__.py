"""What parties and the requester do in a session, and what follows from it."""
