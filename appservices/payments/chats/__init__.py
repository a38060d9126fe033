"""What a person says in their chat with the payments bot."""
