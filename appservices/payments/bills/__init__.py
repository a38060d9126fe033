"""Bills that several pay together."""
