"""What `veche doctor` looks at: one small function a check, by what it is about."""
