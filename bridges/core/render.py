"""An event of a room as a message for a network that has words alone.

The ``body`` of what our bots say is complete by itself: it numbers the choices and says how to
answer. What only a Matrix client can do is left out of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from bridges.core.model import TEXT_CHARACTERS_MAX, RemoteFile, Rendered, RenderedChoice
from veche.protocol.inbound import Trust
from veche.protocol.prompts import PROMPT_KEY, Prompt
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.catalogue import Catalogue

_TAPPED: Final = "To answer, reply with the number, or tap it below."
_TYPED: Final = "To answer, reply with the number."
_PAGE: Final = "You can also answer on this page:"
_TEXTS: Final = frozenset({"m.text", "m.notice", "m.emote"})


def is_shown(content: Mapping[str, Any]) -> bool:
    """Return whether a message has words or a file for a network."""
    has_file = file_in(content) is not None
    return (content.get("msgtype") in _TEXTS or has_file) and isinstance(content.get("body"), str)


def file_in(content: Mapping[str, Any]) -> RemoteFile | None:
    """The encrypted file that a message has; None if it has none."""
    file, name = mapping(content.get("file")), content.get("filename")
    kind = mapping(content.get("info")).get("mimetype")
    if content.get("msgtype") != "m.file" or not file or not isinstance(name, str):
        return None
    return RemoteFile(name, kind if isinstance(kind, str) else "", file)


def render(content: Mapping[str, Any], catalogue: Catalogue) -> Rendered:
    """Render the content of a message for which ``is_shown`` is true.

    Where a choice needs more trust than a network has, none is chosen by this bridge: the words go
    to the service as they are, which says on which page the person's key is.
    """
    text = str(content["body"])[:TEXT_CHARACTERS_MAX]
    for language in LANGUAGES:
        tapped, typed = (catalogue.text(language, one) for one in (_TAPPED, _TYPED))
        text = text.replace(tapped, typed)
        # A page of a person's own asks for a Matrix account.
        page = re.escape(catalogue.text(language, _PAGE))
        text = re.sub(rf"\n*{page}\s+\S+", "", text)
    prompt = prompt_in(content)
    if prompt is None:
        return Rendered(text, file=file_in(content))
    is_weak = prompt.trust is Trust.ANY and not any(one.approve for one in prompt.choices)
    numbered = enumerate(prompt.choices if is_weak else (), 1)
    choices = tuple(RenderedChoice(number, one.id, one.label) for number, one in numbered)
    return Rendered(text, choices, prompt.id)


def prompt_in(content: Mapping[str, Any]) -> Prompt | None:
    """The question that rides beside a message; None if there is none that can be answered."""
    found = content.get(PROMPT_KEY)
    if not isinstance(found, dict):
        return None
    try:
        prompt = Prompt.model_validate(found)
    except ValidationError:
        return None
    return None if prompt.closed else prompt
