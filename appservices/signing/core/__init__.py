"""The pure part of signing: sessions and who takes part in them."""
