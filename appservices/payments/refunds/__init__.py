"""What organisations give back."""
