"""Cards asked once and edited in place; news told to parties and requesters."""
