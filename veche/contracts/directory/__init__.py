"""The directory of organisations: who is official now, whom they vouch for, and what proves it."""
