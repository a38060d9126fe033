"""Heads for others to keep: a public room of ours, and the heads of other institutions."""
