"""The log of acts of organisations on this server, and the spending of its tokens."""

from veche.acts.head_store import actors, counts, has_log
from veche.acts.last_signed import LastSigned
from veche.acts.log import Act, ActLog, message_form, spend, token_in_log

__all__ = [
    "Act",
    "ActLog",
    "LastSigned",
    "actors",
    "counts",
    "has_log",
    "message_form",
    "spend",
    "token_in_log",
]
