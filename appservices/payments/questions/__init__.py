"""What a payer is asked before a payment: an approval, and what an invoice asks besides."""
