"""Messages of a person in their chat with the bot, and their effects."""
