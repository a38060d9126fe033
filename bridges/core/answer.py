"""Read a reply of a person as an answer to a question that is open in their chat.

Here it only becomes a candidate: the service decides whether it counts, once.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import attrs

from veche.protocol.texts.typed_choice import Match, match_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridges.core.model import RenderedChoice


@attrs.frozen
class OpenPrompt:
    """A question that was sent to the network.

    Attributes:
        id: Of the prompt.
        event_id: By which it was asked.
        message_id: What the network calls the message; empty until it says so.
        choices: Those that may be chosen by their number.
    """

    id: str
    event_id: str
    message_id: str
    choices: tuple[RenderedChoice, ...]


@attrs.frozen
class Candidate:
    """An answer, if the service lets it count.

    Attributes:
        prompt: What is answered.
        choice: Id of the choice.
        label: What the person reads of it.
    """

    prompt: OpenPrompt
    choice: str
    label: str


def answer(text: str, thread: Sequence[str], prompts: Sequence[OpenPrompt]) -> Candidate | None:
    """Read a reply; None if it chooses nothing and so is an ordinary message.

    Args:
        text: What the person wrote.
        thread: Ids of the messages that it replies to, the nearest first.
        prompts: Of the chat, the newest first.
    """
    asked = {one.message_id: one for one in prompts}
    named = next((asked[one] for one in thread if one in asked), None)
    prompt = named or next(iter(prompts), None)
    if prompt is None:
        return None
    found = match_choice(prompt.choices, western(text.strip()))
    if not isinstance(found, Match):
        return None
    return Candidate(prompt, found.choice.id, found.choice.label)


def western(text: str) -> str:
    """``text`` with the digits of all scripts as 0 to 9."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
