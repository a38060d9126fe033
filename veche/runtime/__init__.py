"""The Twisted shell that services share."""
