"""The events of organisations, for whoever asks for them and for webhooks."""
