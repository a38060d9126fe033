"""Private documents: sent by a page, closed by a page."""
