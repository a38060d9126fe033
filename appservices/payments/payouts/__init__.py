"""Payouts to accounts at banks."""
