"""The log of acts of an office over HTTP: its heads, its keys, and acts on a person."""
