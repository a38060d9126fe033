"""A payment's money: judged, moved, set aside, shared, given back."""
