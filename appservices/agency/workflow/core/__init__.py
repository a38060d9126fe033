"""The case machine, pure: a case and an input in, a case and effects out."""
