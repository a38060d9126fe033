"""PDF files as signatures see them: values, revisions, what a revision may add."""
