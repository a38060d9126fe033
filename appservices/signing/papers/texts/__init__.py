"""Words of the page of signatures and of evidence reports."""
