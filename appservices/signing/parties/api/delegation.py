"""HTTP bodies by which a party lets somebody else act, or takes that back.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from veche.contracts.signing.signing_api import PartyId
from veche.protocol.approval import SignedApproval
from veche.protocol.ids import WireUserId
from veche.protocol.wire import Wire

TYPED_CHARACTERS_MAX: Final = 300


class AskDelegationBody(Wire):
    """A request for the approval that a party's device key signs to delegate.

    Attributes:
        party: Who.
        to: The other, as it was typed: a name of this server, or an account; none: they act
            themselves again.
    """

    party: PartyId
    to: Annotated[str, Field(min_length=1, max_length=TYPED_CHARACTERS_MAX)] | None = None


class AskedDelegationView(Wire):
    """The approval to sign.

    Attributes:
        asked: An ``AskedApproval`` of kind ``mandate``.
        now_ms: UTC, by our clock: the approval names it.
        expires_at_ms: Until when it can be handed in, UTC.
        user: Account of the other; none: they act themselves again.
        name: What the other is called.
    """

    asked: dict[str, Any]
    now_ms: int
    expires_at_ms: int
    user: str | None
    name: str | None


class DelegateBody(Wire):
    """A party lets somebody else act.

    Attributes:
        party: Who.
        to: Account of the other; none: they act themselves again.
        approval: What was asked, signed by their device key.
    """

    party: PartyId
    to: WireUserId | None = None
    approval: SignedApproval
