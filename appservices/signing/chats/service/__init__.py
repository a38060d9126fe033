"""What a person says in their chat with the bot, and what follows."""
