"""The SQL of encryption, by subject; every function works in the transaction of its caller."""
