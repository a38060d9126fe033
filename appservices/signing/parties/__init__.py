"""Acts of parties and of the requester in a session, and their effects."""
