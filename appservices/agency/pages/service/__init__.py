"""What a page reads and does, one use case a function."""
