"""`veche verify`: whether receipts, acts and signed files hold, without our services."""
