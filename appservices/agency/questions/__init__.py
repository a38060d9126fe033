"""Questions of persons that are passed on to the office, and its answers."""
