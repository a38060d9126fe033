"""Events from the homeserver: stored first, acted on afterwards, healed all the time."""
