"""Words about sessions that all others use."""
