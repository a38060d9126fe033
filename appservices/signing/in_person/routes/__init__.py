"""What a guest's phone and a tablet ask over HTTP."""
