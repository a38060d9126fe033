"""What an office hears in chats, in rooms of cases and at desks."""
