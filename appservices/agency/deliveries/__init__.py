"""Messages with legal effect: how far each has come, and its receipt."""
