"""The demo world of `veche up`."""
