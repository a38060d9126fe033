"""The payments service as it is started, with its homeserver, bank and users, in one process."""
