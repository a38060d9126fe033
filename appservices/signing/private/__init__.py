"""Documents that the service never sees."""
