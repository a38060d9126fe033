"""Whether people can be reached."""
