"""The directory of organisations: its log, the bot that says who is official, its commands."""
