"""The chats of persons with the signing bot."""
