"""Acts of offices: what they ask of a person, debit and pay them needs a token."""
