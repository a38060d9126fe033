"""Rules of the pages: what each document may do, and which files it loads. Pure."""
