"""`veche up`: everything on this machine, with a demo."""
