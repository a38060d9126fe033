"""What pages and programs of parties say over HTTP."""
