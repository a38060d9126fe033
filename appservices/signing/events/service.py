"""The events of organisations, for whoever asks for them and for webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.batches import store as batches
from appservices.signing.sessions.store import events, sessions
from veche.contracts.signing.session_api import SessionEvent
from veche.messaging.webhooks import Rules
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from appservices.signing.config import SessionsSection
    from appservices.signing.sessions.store.events import Event
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

NAME: Final = "signing"


class SigningFeed:
    """See ``veche.messaging.webhooks.Feed``; an owner is the id of an organisation."""

    name = NAME
    channel = events.CHANNEL
    is_waiting = events.IS_WAITING

    def __init__(self, vault: Vault) -> None:
        """Make it.

        Args:
            vault: Opens what organisations know their documents by.
        """
        self._vault = vault

    def newest(self, txn: Cursor, owner: str) -> int:
        """Number of the newest event."""
        return events.newest(txn, owner)

    def after(self, txn: Cursor, owner: str, n: int, count: int) -> list[SessionEvent]:
        """The next events."""
        references: dict[tuple[str | None, int | None], str] = {}
        found = events.of_requester(txn, self._vault, owner, n, count)
        return [self._event(txn, one, references) for one in found]

    def organisation(self, _txn: Cursor, owner: str) -> str:
        """Id of the organisation."""
        return owner

    def _event(
        self, txn: Cursor, one: Event, references: dict[tuple[str | None, int | None], str]
    ) -> SessionEvent:
        key = (one.session_id or one.batch, one.row)
        if key not in references:
            references[key] = self._reference(txn, one)
        return SessionEvent(
            n=one.n,
            session=one.session_id,
            reference=references[key],
            what=one.what,
            party=one.party,
            at_ms=one.at_ms,
            batch=one.batch,
            row=one.row,
        )

    def _reference(self, txn: Cursor, one: Event) -> str:
        """Return the organisation's reference."""
        if one.batch is not None and one.row is not None:
            row = batches.row(txn, self._vault, one.batch, one.row)
            return "" if row is None else str(mapping(row.told).get("reference", ""))
        session = sessions.read(txn, self._vault, str(one.session_id))
        return "" if session is None else session.subject.reference


def rules_of(section: SessionsSection) -> Rules:
    """Return the operator's rules for webhooks."""
    return Rules(
        institution=section.id,
        networks=section.webhook_networks,
        setting="signing.sessions.webhook_networks",
        give_up_ms=section.webhook_give_up_ms,
    )
