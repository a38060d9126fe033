"""HTTP routes for other institutions: signed questions, signed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from appservices.payments.institutions.api import Envelope
from appservices.payments.institutions.service.client import API_PATH, QUESTIONS
from appservices.payments.peers import store
from veche.api import Api
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.payments.interbank.service.questions import PeerDesk
    from veche.api import Call
    from veche.runtime.database import Cursor

API: Final = Api(API_PATH, "Veche: between institutions")
PEER_LIMIT: Final = Limit(burst=1_000, per_s=200)
"""Questions of one client address."""
QUESTION_BYTES_MAX: Final = 1 << 20
PROOF_LIMIT: Final = Limit(burst=30, per_s=5)


class Institution(Protocol):
    """The methods of the service that the route needs."""

    desk: PeerDesk


class WitnessedHead(Wire):
    """A published head of another institution.

    Attributes:
        note: Checkpoint (a signed note), with the signatures of its ledger and of this one.
        at_ms: When this one signed it, UTC.
    """

    note: str
    at_ms: int


class WitnessedView(Wire):
    """The newest of each institution that there is an agreement with."""

    heads: list[WitnessedHead]


class PeerRoutes:
    """Questions of other institutions."""

    def __init__(self, institution: Institution) -> None:
        """Make them."""
        self._institution = institution

    @API.sessionless.route(
        "POST",
        QUESTIONS,
        body=Envelope,
        body_bytes_max=QUESTION_BYTES_MAX,
        answer=Envelope,
        limit=PEER_LIMIT,
        summary="Another institution asks about payments between the two; signed on both sides",
    )
    async def ask(self, call: Call) -> Envelope:
        """Answer a question."""
        return Envelope(message=await self._institution.desk.take(call.body.message))

    @API.sessionless.transaction(
        "payments.peer_heads",
        "GET",
        "/heads",
        answer=WitnessedView,
        limit=PROOF_LIMIT,
        summary="Published heads of other ledgers, signed by those and by this institution",
    )
    def heads(self, txn: Cursor, call: Call) -> WitnessedView:  # noqa: ARG002 -- of the protocol
        """Those that were witnessed last."""
        found = store.heads(txn)
        return WitnessedView(heads=[WitnessedHead(note=one.note, at_ms=one.at_ms) for one in found])
