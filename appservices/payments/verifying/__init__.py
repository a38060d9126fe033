"""What payments bring to `veche verify`: receipts, and copies of the room of a ledger's heads."""
