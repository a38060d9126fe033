"""The record inside an evidence report: what is proven of a session to others."""
