"""The API of the approve page: the nonce is the secret there, the signature is what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from veche.access.approvals import NOTHING_ASKED, ApprovalError, base64url, decline, said
from veche.access.sessions import Level
from veche.api import Api, Call
from veche.protocol.approval import SignedApproval
from veche.protocol.errors import NotFoundError
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from veche.access.approvals import Approvals, AskedView, Key
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/approvals/v1", "Approving with a key")

APPROVAL_BYTES_MAX: Final = 1 << 20
"""An approval of 250 documents says all that was shown of them."""
APPROVE_LIMIT: Final = Limit(burst=30, per_s=1)
"""For one client address: each is a signature to check and a row that is locked."""


class Now(Wire):
    """The clock by which approvals are judged."""

    now_ms: int
    """UTC."""


class UsableKey(Wire):
    """A key of the person who is asked."""

    id: str
    """By which the browser finds its own key."""
    kind: Literal["p256", "webauthn"]
    """``p256``: of the browser; ``webauthn``: a passkey."""
    credential_id: str | None
    """Of a passkey, base64url."""
    transports: list[str]
    """How a browser reaches the passkey."""
    label: str
    """What the person called it."""
    held_until_ms: int | None
    """Until then it may not approve this; None: it may."""


class AskedAnswer(Wire):
    """The approval that is asked for."""

    state: Literal["open", "approved", "declined", "expired", "closed"]
    """Where it has got to."""
    asked: dict[str, Any] | None
    """``AskedApproval``, to be signed exactly; None once it is not open."""
    expires_at_ms: int | None
    """Later it is too late, UTC."""
    now_ms: int
    """The moment of this answer: ``at_ms`` of the approval goes by this clock."""
    keys: list[UsableKey]
    """Those that were not revoked."""
    new_key_waits_ms: int
    """How long a key that is made now waits before it may approve this."""


class Outcome(Wire):
    """The outcome."""

    outcome: Literal["approved", "declined"]
    """The bot has it already."""


class Nothing(Wire):
    """An empty object."""


class ApprovalRoutes:
    """Serves them."""

    def __init__(self, approvals: Approvals) -> None:
        """Keep what takes approvals."""
        self._approvals = approvals

    @API.route("GET", "/time", answer=Now, summary="The clock by which approvals are judged")
    async def time(self, call: Call) -> Now:
        """Now."""
        return Now(now_ms=call.now_ms)

    @API.transaction(
        "approval asked",
        "GET",
        "/<nonce>",
        answer=AskedAnswer,
        hides_path=True,
        summary="What is to be approved",
    )
    def asked(self, txn: Cursor, call: Call) -> AskedAnswer:
        """Return the approval under a nonce, and the keys with which it may be signed."""
        view = self._approvals.view(txn, call.path_args["nonce"], call.now_ms)
        if view is None:
            raise NotFoundError(NOTHING_ASKED)
        return _view(view, call.now_ms)

    @API.route(
        "POST",
        "",
        body=SignedApproval,
        body_bytes_max=APPROVAL_BYTES_MAX,
        answer=Outcome,
        limit=APPROVE_LIMIT,
        summary="Hand in what a key signed: an approval, or its refusal",
    )
    async def take(self, call: Call) -> Outcome:
        """It counts once, and only exactly as it was asked."""
        return Outcome(outcome=await self._approvals.take_now(call.body, call.language))

    @API.transaction(
        "approval decline",
        "POST",
        "/<nonce>/decline",
        body=Nothing,
        answer=Outcome,
        level=Level.LOW,
        limit=APPROVE_LIMIT,
        hides_path=True,
        summary="Say no without a key, signed in as the person",
    )
    def decline(self, txn: Cursor, call: Call) -> Outcome:
        """The session must be as sure as the question asks."""
        try:
            decline(txn, call.signed_in, call.path_args["nonce"], call.now_ms)
        except ApprovalError as e:
            raise said(e, call.language) from e
        return Outcome(outcome="declined")


def _view(view: AskedView, now_ms: int) -> AskedAnswer:
    asked = view.asked
    return AskedAnswer(
        state=view.state.value,
        asked=None if asked is None else asked.model_dump(mode="json", exclude_none=True),
        expires_at_ms=view.expires_at_ms,
        now_ms=now_ms,
        keys=[_key(key, is_held=key.id in view.held) for key in view.keys],
        new_key_waits_ms=view.new_key_waits_ms,
    )


def _key(key: Key, *, is_held: bool) -> UsableKey:
    return UsableKey(
        id=key.id,
        kind=key.kind.value,
        credential_id=None if key.credential_id is None else base64url(key.credential_id),
        transports=list(key.transports),
        label=key.label,
        held_until_ms=key.held_until_ms if is_held else None,
    )
