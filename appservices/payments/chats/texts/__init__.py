"""What is said in chats beside the texts of other capabilities."""
