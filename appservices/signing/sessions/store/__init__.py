"""SQL of sessions, their parties and their files."""
