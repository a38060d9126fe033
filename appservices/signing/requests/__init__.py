"""A document as whoever asks for the signatures sees it."""
