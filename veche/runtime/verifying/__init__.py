"""What verifying a log, or what it has signed, takes without our services."""
