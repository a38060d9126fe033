"""The rules of services and cases, pure: values in, values out."""
