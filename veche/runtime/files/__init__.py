"""Work on files of others: in sandboxes, by typst, encrypted."""
