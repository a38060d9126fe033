"""Document signing: signatures of persons and seals of organisations, and whether they hold."""
