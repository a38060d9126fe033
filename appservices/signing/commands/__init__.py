"""Commands of signing, for `veche`."""
