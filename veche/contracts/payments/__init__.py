"""What others read of payments."""
