"""Bots as encrypted devices: one device a bot, cross-signed, with one writer at a time.

The pure part is ``core``, the SQL is in ``store``. Others use ``opening`` (any replica),
``sealing`` and ``bot`` (the process that speaks for a bot), ``tracking`` (rooms and people) and
``attachments``.
"""
