"""Interfaces that a feature offers to other features, offline verifiers and modules. Pure."""
