"""Shared parts of all routes of organisations: the transaction of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from appservices.signing.pages.routes.api import Signing
from veche.protocol.errors import NotFoundError

if TYPE_CHECKING:
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from veche.api import Call
    from veche.messaging.webhooks import Webhooks
    from veche.runtime.database import Cursor

NO_SESSIONS: Final = "Nobody signs here: the section `signing` has no `sessions`"


class CalledSigning(Signing, Protocol):
    """The further methods of the service that routes of organisations need."""

    webhooks: Webhooks | None


class CallerRoutes:
    """Base of routes that organisations ask by their keys."""

    def __init__(self, signing: CalledSigning) -> None:
        """Make them.

        Args:
            signing: What they ask.
        """
        self._host = signing.host
        self._signing = signing

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        return self._parts().conversation(txn, f"organisation {cause}", call.now_ms)

    def _parts(self) -> Parts:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(NO_SESSIONS)
        return parts
