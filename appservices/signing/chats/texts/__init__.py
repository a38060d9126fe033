"""What is said in chats beside cards and news."""
