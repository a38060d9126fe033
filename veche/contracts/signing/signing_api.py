"""Parts of sessions of signers that cards in chats and other features name too."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from veche.contracts.signing.own_certificate_api import OwnCertificateView
from veche.protocol.approval import Sha256
from veche.protocol.wire import Wire

NAME_CHARACTERS_MAX: Final = 100
PARTIES_MAX: Final = 200

PartyId = Annotated[str, Field(pattern=r"^p[1-9][0-9]{0,2}$")]
SessionId = Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
ClauseId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16}$")]
ModeName = Literal["assisted", "blind"]
LevelName = Literal["S0", "S1", "S2", "S3", "S4"]
RoleName = Literal["signer", "clerk", "seal", "approver", "witness", "viewer"]


class ClauseView(Wire):
    """A clause that needs consent.

    Attributes:
        id: Id in the document.
        title: Title as it is shown; none: only browsers know it.
        title_sha256: Hash of a title that only browsers know, see ``blind_api.veiled``.
        kind: ``required``: by signing; ``unfair``: by an answer; ``optional``: may be refused.
        page: Number of its page, from 1.
        field: For an unfair clause: the box in which it is signed separately, directly after one's
            own.
    """

    id: ClauseId
    title: str | None = None
    title_sha256: Sha256 | None = None
    kind: Literal["required", "unfair", "optional"]
    page: int
    field: str | None = None


class PartyView(Wire):
    """Somebody who takes part.

    Attributes:
        party: Their id.
        role: Their role.
        name: Name in the document.
        user: Their account; for a seal, the organisation.
        state: State of the party.
        level_min: How they have to sign at least; none: they need not.
        level: How they have signed; none: they have not.
        certificate: Of who has signed with one that was issued elsewhere.
        at_ms: When, UTC.
        acts_for: Id of the party who has let them act.
        witness_of: Id of the party whose signature they see.
        identified_by: Of somebody without an account: who has seen who they are.
        by_hand: They sign by hand on a tablet, without a key: level S0.
        witnessed_by: Of somebody who has signed so: name of who has signed as the witness of it.
    """

    party: PartyId
    role: RoleName
    name: str
    user: str
    state: str
    level_min: LevelName | None = None
    level: str | None = None
    certificate: OwnCertificateView | None = None
    at_ms: int | None = None
    acts_for: PartyId | None = None
    witness_of: PartyId | None = None
    identified_by: str | None = None
    by_hand: bool = False
    witnessed_by: str | None = None
