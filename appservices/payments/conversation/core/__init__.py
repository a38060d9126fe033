"""Commands of the bot, and the topics of its questions."""
