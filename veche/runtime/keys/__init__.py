"""Keys that sign documents, certificates and stamps: in files, in tokens, at providers."""
