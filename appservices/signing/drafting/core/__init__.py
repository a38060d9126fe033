"""Read what people type while they prepare a document: who signs, until when, tables."""
