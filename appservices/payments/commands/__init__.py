"""Commands of `veche ledger`."""
