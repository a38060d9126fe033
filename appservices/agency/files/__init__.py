"""Files that persons send, checked before they count."""
