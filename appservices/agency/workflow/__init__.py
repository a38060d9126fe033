"""The workflow of a case: the table of transitions, and what each step asks for."""
