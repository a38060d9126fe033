"""The checks of `veche doctor`: one small function each, grouped by subject."""
