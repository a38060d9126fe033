"""Orders that services hand to the payments bot as jobs: invoices, mandates and debits by them."""
