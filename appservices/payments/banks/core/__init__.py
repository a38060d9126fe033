"""Bank rails, pure: the port, the states of an order, and the messages of ISO 20022."""
