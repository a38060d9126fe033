"""Reachability of people."""
