"""The authority of a site: its certificates, keys and lists, and whom else it believes."""
