"""A session and who takes part in it, pure: values in, values out."""
