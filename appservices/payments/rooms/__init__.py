"""Rooms in which those talk who take part in a dispute or an escrow."""
