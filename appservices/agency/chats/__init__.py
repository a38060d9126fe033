"""Messages to an office in chats, in rooms of cases and at desks."""
