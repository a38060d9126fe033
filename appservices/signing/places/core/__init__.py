"""Places and boxes, pure: as people say them, and as a page has them."""
