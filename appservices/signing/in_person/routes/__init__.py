"""HTTP routes for a guest's phone and a tablet."""
