"""Verifiers of files of offices, for `veche verify`."""
