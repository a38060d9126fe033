"""What verifies files of offices, for `veche verify`."""
