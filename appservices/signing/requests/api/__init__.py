"""What is said over HTTP by whoever asks for signatures."""
