"""What other institutions ask: signed questions, signed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from appservices.payments.routes.api import API
from veche.protocol.peer_api import Envelope
from veche.runtime.limits import Limit

if TYPE_CHECKING:
    from appservices.payments.service.peers_desk import PeerDesk
    from veche.runtime.api import Call

PEER_LIMIT: Final = Limit(burst=1_000, per_s=200)
"""Questions of one client address."""


class Institution(Protocol):
    """What the route needs of the service."""

    desk: PeerDesk


class PeerRoutes:
    """Questions of other institutions."""

    def __init__(self, institution: Institution) -> None:
        """Make them."""
        self._institution = institution

    @API.route(
        "POST",
        "/peers",
        body=Envelope,
        answer=Envelope,
        takes_session=False,
        limit=PEER_LIMIT,
        summary="Another institution asks about payments between the two; signed on both sides",
    )
    async def ask(self, call: Call) -> Envelope:
        """Answer a question."""
        return Envelope(message=await self._institution.desk.take(call.body.message))
