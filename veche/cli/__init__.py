"""The command `veche`; the only place that imports the reactor."""
