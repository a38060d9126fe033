"""The ledger: it decides and keeps transfers, proves them, and imports nobody."""
