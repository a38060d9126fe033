"""Documents that persons sign before they are delivered."""
