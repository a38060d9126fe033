"""Somebody with an account is identified in person: their device and their document, at one place.

The person approves with their key that they stand before the registrar, and reads four digits that
only their chat shows; the registrar types them, sees an identity document, and says so with a key
of their own. It holds for the one key that approved, for a time, until either takes it back.
Whatever is not in the table changes nothing.
"""

from __future__ import annotations

import enum
import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.sessions.core.errors import IdentificationOverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.guests import Identified
    from veche.protocol.ids import Ulid, UserId

LASTS_MS: Final = 15 * 60_000
"""From the question to the person to the word of the registrar."""
TRIES_MAX: Final = 3
"""Wrong digits until it comes to nothing."""
_CODES: Final = 10_000


class IdentificationState(enum.Enum):
    """How far it has got."""

    ASKED = "asked"
    """The person is asked whether they stand before the registrar."""
    PRESENT = "present"
    """Their key has said so."""
    SHOWN = "shown"
    """The registrar has typed the digits of the person's device."""
    IDENTIFIED = "identified"
    """The registrar has said with their key who it is: the key of the person is theirs."""
    REFUSED = "refused"
    """One of them has said no, or the digits were wrong too often."""
    REPLACED = "replaced"
    """A newer one has taken its place."""
    REVOKED = "revoked"
    """One of them has taken it back."""


class IdentificationInput(enum.Enum):
    """An input to the state machine of an identification."""

    COME = "come"
    SHOW = "show"
    IDENTIFY = "identify"
    REFUSE = "refuse"
    REPLACE = "replace"
    REVOKE = "revoke"


_S, _I = IdentificationState, IdentificationInput
TABLE: Final[Mapping[tuple[IdentificationState, IdentificationInput], IdentificationState]] = {
    (_S.ASKED, _I.COME): _S.PRESENT,
    (_S.ASKED, _I.REFUSE): _S.REFUSED,
    (_S.ASKED, _I.REPLACE): _S.REPLACED,
    (_S.PRESENT, _I.SHOW): _S.SHOWN,
    (_S.PRESENT, _I.REFUSE): _S.REFUSED,
    (_S.PRESENT, _I.REPLACE): _S.REPLACED,
    (_S.SHOWN, _I.IDENTIFY): _S.IDENTIFIED,
    (_S.SHOWN, _I.REFUSE): _S.REFUSED,
    (_S.SHOWN, _I.REPLACE): _S.REPLACED,
    (_S.IDENTIFIED, _I.REPLACE): _S.REPLACED,
    (_S.IDENTIFIED, _I.REVOKE): _S.REVOKED,
}
_UNHURRIED: Final = frozenset({_I.REPLACE, _I.REVOKE})


@attrs.frozen
class Identification:
    """An identification of somebody in person, now or earlier.

    Attributes:
        id: ULID.
        person: Their account.
        registrar: Account of who sees the identity document.
        state: How far it has got.
        made_at_ms: UTC.
        key_id: Of the person's key that said that they are there; None: none has yet.
        tries: Wrong digits that were typed.
        name: As it stands in the identity document; empty: nobody has read it yet.
        seen: Who has seen which document, and when; None: nobody yet.
        expires_at_ms: Until when it counts, UTC; None: it was not said yet.
    """

    id: Ulid
    person: UserId
    registrar: UserId
    state: IdentificationState
    made_at_ms: int
    key_id: str | None = None
    tries: int = 0
    name: str = ""
    seen: Identified | None = None
    expires_at_ms: int | None = None

    @property
    def ends_at_ms(self) -> int:
        """Until when it goes on, if nobody has been identified before."""
        return self.made_at_ms + LASTS_MS

    @property
    def code(self) -> str:
        """Four digits that the person's own chat shows, and the registrar types."""
        digest = hashlib.sha256(f"veche.identification {self.id}".encode()).digest()
        return f"{int.from_bytes(digest[-2:], 'big') % _CODES:04}"

    def counts(self, now_ms: int) -> bool:
        """Return whether the identification is valid now."""
        is_over = self.expires_at_ms is None or now_ms >= self.expires_at_ms
        return self.state is IdentificationState.IDENTIFIED and not is_over


def step(one: Identification, happened: IdentificationInput, now_ms: int) -> Identification:
    """The same in which something has happened.

    Raises:
        IdentificationOverError: It is too late for that, or something else was first.
    """
    state = TABLE.get((one.state, happened))
    is_late = now_ms >= one.ends_at_ms and happened not in _UNHURRIED
    if state is None or is_late:
        raise IdentificationOverError
    return attrs.evolve(one, state=state)
