"""Pages that people look at, in a browser's tab or inside a Matrix client, and their API calls."""
