"""The card of a document that somebody is asked to sign: one message a party, edited as it goes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from veche.contracts.signing.signing_api import ClauseView, LevelName, ModeName, PartyId, RoleName
from veche.protocol.approval import Sha256
from veche.protocol.ids import WireUlid
from veche.protocol.message import URL_CHARACTERS_MAX
from veche.protocol.wire import Wire

SIGN_REQUEST_KEY: Final = "org.veche.sign_request"
SIGN_FILE_KEY: Final = "org.veche.sign_file"
SIGN_RESULT_KEY: Final = "org.veche.sign_result"
CARD_PARTIES_MAX: Final = 40
"""Most parties that a card names: a message has no room for all of two hundred."""

StateName = Literal["draft", "open", "sealing", "completed", "declined", "expired", "cancelled"]
Count = Annotated[int, Field(ge=0)]


class SignDocument(Wire):
    """The document to sign.

    Attributes:
        sha256: Hash of the file before anybody signed it.
        bytes: Size of that file.
        pages: Pages of that file; 0: it is no PDF.
        mimetype: Media type of that file.
    """

    sha256: Sha256
    bytes: Count
    pages: Count
    mimetype: str = "application/pdf"


class SignStage(Wire):
    """Parties who act at once.

    Attributes:
        parties: Their ids.
        need: Number of signatures that are enough; none: all.
    """

    parties: Annotated[tuple[PartyId, ...], Field(strict=False)]
    need: Annotated[int, Field(ge=1)] | None = None


class SignParty(Wire):
    """Somebody who takes part.

    Attributes:
        party: Their id.
        role: Their role.
        name: Name in the document.
        user: Their account; for a seal, the organisation.
        state: State of the party.
        of: For a witness: the party whose signature they saw.
        field: Name of their box.
    """

    party: PartyId
    role: RoleName
    name: str
    user: str
    state: str
    of: PartyId | None = None
    field: str | None = None


class SignRequest(Wire):
    """A document that somebody is asked to sign.

    Attributes:
        v: Version, 1.
        id: Id of the session.
        mode: ``assisted``: the bot has read the document; ``blind``: it never sees it.
        state: State of the session.
        title: Title of the document; empty: the bot does not know it.
        from_name: Name of the requester.
        from_user: Their account, or the organisation.
        document: The document to sign.
        clauses: Clauses that need separate consent.
        level_min: The lowest level of signing that is accepted.
        effect: Whether signatures count once everyone has signed, or each separately.
        stages: The order in which the parties act; none if there are more than ``CARD_PARTIES_MAX``
            parties.
        parties: All of them, or, where there are more, only whom the card is for.
        count: Number of parties.
        signed: How many of them have signed.
        you: The party for whom the card is.
        may_delegate: Whether they may let somebody else sign.
        deadline_at_ms: Deadline, UTC.
        revision: Number of the newest revision of the file.
        code: Four digits of the document in this session.
        prompt: Id of the question on the card, while they can act.
        page: Page for signing. It contains the key of the document, unless the mode is ``blind``:
            then the requester sends a link with the key.
    """

    v: Literal[1]
    id: WireUlid
    mode: ModeName
    state: StateName
    title: str
    from_name: str
    from_user: str
    document: SignDocument
    clauses: Annotated[tuple[ClauseView, ...], Field(strict=False)] = ()
    level_min: LevelName
    effect: Literal["when_complete", "each"]
    stages: Annotated[tuple[SignStage, ...], Field(strict=False)] = ()
    parties: Annotated[tuple[SignParty, ...], Field(strict=False, max_length=CARD_PARTIES_MAX)]
    count: Count
    signed: Count
    you: PartyId
    may_delegate: bool
    deadline_at_ms: Count
    revision: Count
    code: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    prompt: WireUlid | None = None
    page: Annotated[str, Field(max_length=URL_CHARACTERS_MAX)] | None = None


class SignFile(Wire):
    """A document that waits for signatures, beside the message that has its file.

    Attributes:
        v: Version, 1.
        session: Id of the session.
        document_sha256: Hash of the document before anybody signed it; the file begins with that
            document.
        bytes: Size of that document; signatures may follow in the file.
    """

    v: Literal[1]
    session: WireUlid
    document_sha256: Sha256
    bytes: Count


class ResultSignature(Wire):
    """Somebody who has signed.

    Attributes:
        party: Their id.
        name: Name in the document.
        level: How: ``S0`` to ``S2``, or ``seal``.
        signed_at_ms: Time of the signature, UTC.
    """

    party: PartyId
    name: str
    level: str
    signed_at_ms: Count


class SignResult(Wire):
    """A closed document, beside the message that has its file.

    Attributes:
        v: Version, 1.
        session: Id of the session.
        state: How it ended.
        verdict: Verdict on the file, by the same rules as everywhere; none: nobody signed in the
            file.
        in_force: Whether the signatures count.
        document_sha256: Hash of the file before anybody signed it.
        final_sha256: SHA-256 of the file.
        bytes: Size of the file.
        ended_at_ms: End, UTC.
        signatures: At most ``CARD_PARTIES_MAX`` of them, in the order in which they were given.
        count: Their number.
        evidence_sha256: Hash of the evidence report, which is a message of its own.
    """

    v: Literal[1]
    session: WireUlid
    state: StateName
    verdict: str | None = None
    in_force: bool
    document_sha256: Sha256
    final_sha256: Sha256
    bytes: Count
    ended_at_ms: Count
    signatures: Annotated[
        tuple[ResultSignature, ...], Field(strict=False, max_length=CARD_PARTIES_MAX)
    ]
    count: Count
    evidence_sha256: Sha256 | None = None
