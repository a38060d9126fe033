"""What the service of signing does."""
