"""What others read of the cases of an agency."""
