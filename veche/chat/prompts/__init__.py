"""Prompts in rooms: asked, answered once, closed.

What an answer is, ``veche.protocol.answers`` decides; here is what it needs to know of a room, and
what the room is shown afterwards.
"""

from veche.chat.prompts.asking import Asking, Closing, ask, close, settle
from veche.chat.prompts.matching import Answered, Heard, candidates, hear, hear_page, named
from veche.chat.prompts.store import Kept, by_id, open_about

__all__ = [
    "Answered",
    "Asking",
    "Closing",
    "Heard",
    "Kept",
    "ask",
    "by_id",
    "candidates",
    "close",
    "hear",
    "hear_page",
    "named",
    "open_about",
    "settle",
]
