"""An office and the world around one of its cases, pure."""
