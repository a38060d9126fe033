"""How a rule comes to count, and how guardians agree to a document."""
