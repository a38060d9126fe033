"""The part of the API of *My keys* that is about the identity of the person's Matrix account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from appservices.widgets.routes.keys import API, CHANGE_LIMIT, in_language
from veche.access.approvals import identities
from veche.access.sessions import Level
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class IdentityView(Wire):
    """The identity by which the person's devices confirm one another."""

    state: Literal["unknown", "same", "changed", "gone"]
    """``changed``: another one than before, to be confirmed; ``gone``: there is none any more."""
    fingerprint: str | None
    """Of the one that there is now."""
    has_key: bool
    """Whether a key of the person's could confirm it; if not, the operator can."""


class IdentityAsked(Wire):
    """The approval that confirms a new identity."""

    asked: dict[str, Any]
    """``AskedApproval`` that the person's key has to sign."""


class IdentityRoutes:
    """Serves them."""

    @API.transaction(
        "keys identity",
        "GET",
        "/identity",
        answer=IdentityView,
        level=Level.ROOM,
        summary="Whether my Matrix account has another identity than before",
    )
    def identity(self, txn: Cursor, call: Call) -> IdentityView:
        """How it stands."""
        found = identities.standing(txn, call.signed_in.person)
        return IdentityView(
            state=found.state.value, fingerprint=found.fingerprint, has_key=found.has_key
        )

    @API.transaction(
        "keys identity ask",
        "POST",
        "/identity",
        answer=IdentityAsked,
        level=Level.ROOM,
        limit=CHANGE_LIMIT,
        summary="Ask for the approval that confirms my new identity",
    )
    def ask_identity(self, txn: Cursor, call: Call) -> IdentityAsked:
        """It counts only with the key."""
        with in_language(call):
            asked = identities.ask(txn, call.signed_in.person, call.now_ms)
        return IdentityAsked(asked=asked.model_dump(mode="json", exclude_none=True))
