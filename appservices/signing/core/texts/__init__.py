"""What the signing bot says, as documents of messages."""
