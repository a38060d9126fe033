"""Cards and news in words."""
