"""The wallet on pages: what a person is shown of their money, and what they do with it there."""
