"""Handing out closed files, and deleting what is kept of them."""
