"""What people type while they prepare a document, read: who signs, until when, tables."""
