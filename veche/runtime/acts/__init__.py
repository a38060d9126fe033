"""The log of acts of organisations on this server, and the spending of its tokens."""

from veche.runtime.acts.check import check_chain
from veche.runtime.acts.log import Act, ActLog, message_form, spend, token_in_log

__all__ = ["Act", "ActLog", "check_chain", "message_form", "spend", "token_in_log"]
