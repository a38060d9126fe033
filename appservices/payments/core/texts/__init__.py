"""What the payments bot says, as documents; no HTML, no I/O."""
