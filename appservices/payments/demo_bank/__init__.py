"""A bank for the demo and for tests: a process of its own, which misbehaves on request.

Start it with ``python -m appservices.payments.demo_bank --help``.
"""
