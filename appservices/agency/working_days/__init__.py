"""When an office works: working days, terms, quiet hours."""
