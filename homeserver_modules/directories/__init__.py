"""The directories of organisations that this homeserver trusts, for all modules of a process."""
