"""What merchants say over HTTP."""
