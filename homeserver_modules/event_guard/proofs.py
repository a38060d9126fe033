"""No proof, no delivery: what an official account sends is shown with the proof of its act alone.

An act carries one event: a second one with the same act is refused by the process that saw the
first, although the log has signed both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from homeserver_modules.directories.follower import RETRY_AFTER_MS, UnknownDirectoryError
from veche.contracts.directory.receipts import (
    ActFault,
    Policy,
    ReceiptRefusedError,
    SeenEvent,
    check_receipt,
)
from veche.protocol.acts import ACT

if TYPE_CHECKING:
    from homeserver_modules.directories.follower import Directories

CARRIED_MAX: Final = 10_000
"""Acts whose event is remembered."""
TICKETS_MAX: Final = 1_000
"""Invitations that wait for their second callback, which does not see their content."""
OFFICIAL: Final = frozenset(
    {
        "org.veche.case",
        "org.veche.document",
        "org.veche.invoice",
        "org.veche.prompt",
        "org.veche.sign_request",
    }
)
"""What official accounts alone may send."""
BADGE: Final = "org.veche.official"
"""Type of the state that says of what organisation a room is."""


class Proofs:
    """Checks what official accounts send."""

    def __init__(self, directories: Directories, policy: Policy) -> None:
        """Nothing was seen yet."""
        self._directories = directories
        self._policy = policy
        self._carried: dict[str, str | None] = {}
        self._tickets: dict[tuple[str, str, str], None] = {}

    def check(self, event: SeenEvent, *, is_ours: bool) -> None:
        """Check an event of anybody.

        Args:
            event: As it came.
            is_ours: Whether its sender is a bot of our services on this server.

        Raises:
            ReceiptRefusedError: It is official, or says so, and is not proven.
            UnknownDirectoryError: Nobody can tell now.
        """
        if event.is_free and event.kind != BADGE:
            return
        if not self._directories.is_listed(event.sender):
            self._check_unlisted(event, is_ours=is_ours)
            return
        if event.is_free:
            return
        self._directories.check_fresh(event.sender)
        c = check_receipt(event, self._directories.trusted, self._policy)
        signature = event.content[ACT].get("s")
        if self._carried.setdefault(c, signature) != signature:
            raise ReceiptRefusedError(ActFault.UNBOUND, "the act was carried out by another event")
        bound(self._carried, CARRIED_MAX)

    def check_request(self, sender: str, request: dict[str, object]) -> None:
        """Check a request for a new room: an official account invites with a proof, afterwards.

        Raises:
            ReceiptRefusedError: It invites somebody.
        """
        if self._directories.is_listed(sender) and (
            request.get("invite") or request.get("invite_3pid")
        ):
            raise ReceiptRefusedError(ActFault.MISSING, "invite: an invitation needs a proof")

    def expect(self, inviter: str, invitee: str, room_id: str) -> None:
        """Note that an invitation was proven."""
        self._tickets[inviter, invitee, room_id] = None
        bound(self._tickets, TICKETS_MAX)

    def may_invite(self, inviter: str, invitee: str, room_id: str) -> bool:
        """Return whether an invitation may go on: of an official account once, after its proof."""
        key = (inviter, invitee, room_id)
        is_expected = key in self._tickets
        self._tickets.pop(key, None)
        return is_expected or not self._directories.is_listed(inviter)

    def _check_unlisted(self, event: SeenEvent, *, is_ours: bool) -> None:
        if not self._directories.are_known:
            if is_ours:
                words = "The homeserver does not know yet who is official"
                raise UnknownDirectoryError(words, retry_after_ms=RETRY_AFTER_MS)
            return
        found = OFFICIAL & event.content.keys()
        if event.state_key is not None and event.kind == BADGE:
            found = frozenset({BADGE})
        if found:
            words = f"{min(found)}: only an account in a trusted directory may send that"
            raise ReceiptRefusedError(ActFault.SENDER, words)


def bound(kept: dict[Any, Any], most: int) -> None:
    """Forget the oldest of what is kept, down to ``most``."""
    while len(kept) > most:
        del kept[next(iter(kept))]
