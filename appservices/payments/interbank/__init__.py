"""Dealings between institutions: payments taken, books compared, debts settled."""
