"""Questions to a payer before a payment: an approval, and an invoice's own questions."""
