"""The service language: what a service file says, read and checked."""
