"""Bridges: people of other networks use services by mail and the like; one connector a network."""
