"""One transaction of the signing bot, and what all of them do with a session."""
