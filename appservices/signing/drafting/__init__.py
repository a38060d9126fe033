"""Sessions before they are sent: who signs, where, until when."""
