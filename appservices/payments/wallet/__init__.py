"""The wallet on pages: what a person is shown of their money, and does with it."""
