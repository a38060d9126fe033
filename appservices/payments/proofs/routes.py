"""Routes without sign-in: published heads, proofs, and the keys to check them.

Nothing here tells of persons: a head is a size and a hash, a proof is a list of hashes, and only
whoever has a receipt knows the id by which to ask for its proof.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

from pydantic import Field

from appservices.payments.institutions.routes import API
from appservices.payments.proofs.service import heads
from veche.api import Api
from veche.contracts.payments.receipt import Published
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import ULID_PATTERN
from veche.protocol.wire import Wire, parse
from veche.runtime.web.limits import Limit
from veche.transparency.notes import SIZE_MAX
from veche.transparency.witness_proofs import WitnessedHead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.api import Call
    from veche.runtime.database import Cursor

WELL_KNOWN: Final = Api("/.well-known/veche/payments", "Veche: where an institution takes payments")
PROOF_LIMIT: Final = Limit(burst=30, per_s=5)
"""Proofs and heads of one client address: each reads some dozens of rows."""
KEPT_S: Final = 5
"""How long a head, and what is proved by it, may be kept by whoever hands it on."""


class Institution(Protocol):
    """The methods of the service that the routes need."""

    def described(self, now_ms: int) -> Mapping[str, Any]:
        """Return the institution's signed description, as ``KeysView``."""


class HeadQuery(Wire):
    """Which head one has already."""

    after: Annotated[int, Field(ge=1, le=SIZE_MAX)] | None = None


class HeadView(Wire):
    """The newest published head.

    Attributes:
        checkpoint: Signed note: origin, how many blocks, root.
        consistency: Proof (RFC 6962) that it begins with the head of ``after`` blocks; empty if
            none was named, or if that is the newest.
        witnessed: The newest head that enough witnesses have signed, if there is one, and that this
            one begins with it.
    """

    checkpoint: str
    consistency: list[str]
    witnessed: WitnessedHead | None = None


class KeysView(Wire):
    """Where an institution takes payments, and how its receipts are checked.

    It is an envelope, signed by the first of ``keys`` in the name of its ledger. That proves
    something to whoever knows the key already, as other institutions do.

    Attributes:
        v: 1.
        server: Name of its homeserver.
        url: Origin of this site.
        api: Path of its API on this site.
        peers: Path of the one for other institutions.
        bot: Matrix id of its bot.
        currencies: In which it keeps accounts.
        keys: Verifier keys of its receipts and published heads, the present one first.
        witnesses: Verifier keys of the witnesses that it shows its heads to. It says so itself:
            compare them by another way.
        heads_room: Address of the room in which its heads are posted, if there is one.
        until_ms: Until when this may be believed, UTC.
        signatures: Of the envelope.
    """

    v: Literal[1]
    server: str
    url: str
    api: str
    peers: str
    bot: str
    currencies: list[str]
    keys: list[str]
    witnesses: list[str] = Field(default_factory=list)
    heads_room: str | None = None
    until_ms: int
    signatures: dict[str, dict[str, str]]


class ProofRoutes:
    """Heads and proofs."""

    def __init__(self, vouched: heads.Vouched) -> None:
        """Make them."""
        self._vouched = vouched

    @API.transaction(
        "payments.proof",
        "GET",
        "/proof/<receipt_id>",
        hides_path=True,
        answer=Published,
        limit=PROOF_LIMIT,
        summary="That the block of a receipt is in the newest published head",
    )
    def proof(self, txn: Cursor, call: Call) -> Published:
        """Return the proof of one receipt."""
        receipt_id = call.path_args["receipt_id"]
        if not re.fullmatch(ULID_PATTERN, receipt_id):
            raise NotFoundError("There is no such receipt")
        found = self._vouched.published(txn, receipt_id)
        _keep(call)
        return found

    @API.transaction(
        "payments.head",
        "GET",
        "/heads",
        query=HeadQuery,
        answer=HeadView,
        limit=PROOF_LIMIT,
        summary="The newest published head, and that it begins with an older one",
    )
    def head(self, txn: Cursor, call: Call) -> HeadView:
        """The newest one."""
        head, path = heads.extended(txn, call.query.after)
        _keep(call)
        witnessed = self._vouched.beside(txn, head.size)
        return HeadView(checkpoint=head.note, consistency=list(path), witnessed=witnessed)


class WellKnownRoutes:
    """Where the institution is, and its keys."""

    def __init__(self, institution: Institution) -> None:
        """Make them."""
        self._institution = institution

    @WELL_KNOWN.route("GET", "", answer=KeysView, summary="The institution and its keys")
    async def keys(self, call: Call) -> KeysView:
        """The keys."""
        _keep(call)
        return parse(KeysView, self._institution.described(call.now_ms))


def _keep(call: Call) -> None:
    value = b"public, max-age=%d" % KEPT_S
    call.request.setHeader(b"cache-control", value)
