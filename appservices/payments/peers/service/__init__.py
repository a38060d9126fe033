"""Other institutions as holders of this ledger, and payments to them."""
