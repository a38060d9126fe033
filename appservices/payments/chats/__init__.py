"""Messages of a person in their chat with the payments bot."""
