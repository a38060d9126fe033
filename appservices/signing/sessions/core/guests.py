"""Signers without an account: they sign in person, before somebody who has seen who they are.

A guest has an id like an account's, in the namespace of our bots, so that nobody else can have it;
their key, their approvals and the record name it. It is of one session alone and gets no messages.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.evidence.core.record import registrar_line
from veche.protocol.approval import ShownHand
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.signing.evidence.core.handwriting import HandRecord
    from veche.protocol.ids import Ulid

_PREFIX: Final = "@veche_guest_"
_GUEST: Final = re.compile(r"@veche_guest_[0-9a-hjkmnp-tv-z]{26}_p[1-9][0-9]{0,2}:.+")


class Papers(enum.Enum):
    """The identity document of a guest, of which no number is kept."""

    PASSPORT = "passport"
    IDENTITY_CARD = "identity_card"
    RESIDENCE_PERMIT = "residence_permit"
    DRIVING_LICENCE = "driving_licence"


@attrs.frozen
class Registrar:
    """The registrar who checks a guest's identity document.

    Attributes:
        person: Their account.
        name: As people know them.
        organisation: For which they do so.
    """

    person: UserId
    name: str
    organisation: str = ""

    @property
    def line(self) -> str:
        """As the certificate names them."""
        return registrar_line(self.name, self.person, self.organisation)


@attrs.frozen
class Identified:
    """A registrar's statement that they identified a signer.

    Attributes:
        by: Who has.
        papers: Which identity document they saw.
        at_ms: When, UTC.
        nonce: Of the approval by which they said so.
        about: Of whoever has an account: id of the identification; empty: it is of this session.
    """

    by: Registrar
    papers: Papers
    at_ms: int
    nonce: str
    about: str = ""


def guest_id(session: Ulid, party: str, server: str) -> UserId:
    """The id of a guest: of one party of one session."""
    return UserId(f"{_PREFIX}{session.lower()}_{party}:{server}")


def is_guest(person: str) -> bool:
    """Return whether it is the id of somebody without an account."""
    return _GUEST.fullmatch(person) is not None


def is_same_name(one: str, other: str) -> bool:
    """Return whether two spellings name one person: case and spaces make no difference."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


@attrs.frozen
class Written:
    """The words and strokes of a party by hand, as they stand in their session.

    Attributes:
        meeting: Id of the meeting in which they did.
        record: All that they agreed to.
        until_ms: When it counts no more, unless the witness has signed; UTC.
    """

    meeting: str
    record: HandRecord
    until_ms: int

    @property
    def shown(self) -> ShownHand:
        """Facts of it that the witness approves."""
        return ShownHand(
            party=self.record.party,
            name=self.record.name,
            papers=self.record.papers,
            drawing=self.record.drawing_sha256,
            record=self.record.sha256,
        )
