"""What people read of a service before there is a case."""
