"""The wire: what travels in rooms, its forms and limits. Values in, values out, no I/O."""
