"""Meetings of guests and registrars: their states, and what is written by hand in one."""
