"""Who speaks, for whom, and whom they mean."""
