"""The log of acts of organisations on this server, and the spending of its tokens."""

from veche.acts.check import check_chain
from veche.acts.log import Act, ActLog, message_form, spend, token_in_log

__all__ = ["Act", "ActLog", "check_chain", "message_form", "spend", "token_in_log"]
