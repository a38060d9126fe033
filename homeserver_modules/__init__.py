"""Modules that run inside Synapse: gates and evidence, never business logic."""
