"""What all routes of organisations share, and webhooks."""
