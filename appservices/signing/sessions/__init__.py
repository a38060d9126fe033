"""Sessions of signers: what is known of one, how it is kept, one transaction of it."""
