"""A case and what can happen to it, pure: values in, values out."""
