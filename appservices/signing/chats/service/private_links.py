"""Links with the key of a private document, which the bot must not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from appservices.signing.sessions.store import sessions
from appservices.signing.sessions.texts.private import leaked_doc

if TYPE_CHECKING:
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc

_LINK: Final = re.compile(r"/sign#(\S{1,500})")


def doubt(scene: Conversation, inbound: Inbound) -> Doc | None:
    """Why nothing is done of what was said: it has a key; None: it has none."""
    return leaked_doc(scene.localizer(inbound.sender)) if _has_key(scene, inbound) else None


def _has_key(scene: Conversation, inbound: Inbound) -> bool:
    """Return whether somebody has written a link that opens a private document of this service."""
    body = inbound.content.get("body")
    found = _LINK.search(body) if isinstance(body, str) else None
    told = {} if found is None else parse_qs(found[1])
    if "k" not in told or "s" not in told:
        return False
    session = sessions.read(scene.txn, scene.vault, told["s"][0])
    return session is not None and session.is_blind
