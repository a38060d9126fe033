"""HTTP bodies for documents that the service never sees: from browser to browser.

The requester's browser prepares and encrypts the document; the service gets ciphertext, digests,
sizes and accounts. Titles, names and the salt of their digests are in the *matter*, which it keeps
as ciphertext too. The key reaches the signers in the requester's own messages.

Source: design of Veche, signing §4.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from appservices.signing.parties.api.parties import BASE64, RevisionView, Token
from veche.contracts.signing.signing_api import PARTIES_MAX, ClauseId, LevelName, PartyId, SessionId
from veche.protocol.approval import CLAUSES_MAX, Sha256
from veche.protocol.ids import WireUserId
from veche.protocol.wire import Wire

DOCUMENT_BYTES_MAX: Final = 50 * 1024 * 1024
"""Largest document, in clear."""
PAGES_MAX: Final = 2_000
MATTER_BYTES_MAX: Final = 64 * 1024
"""Largest matter, as ciphertext."""
_MATTER_CHARACTERS_MAX: Final = MATTER_BYTES_MAX * 4 // 3 + 4
_STAGES_MAX: Final = 20

SALT_BYTES: Final = 32
"""Of chance, before words of which only a digest is shown."""

Moment = Annotated[int, Field(ge=0)]


def veiled(salt: bytes, words: str) -> bytes:
    """The digest that stands for words that the service is not to know: of the salt, then of them.

    Args:
        salt: ``SALT_BYTES`` of chance, or the words could be guessed.
        words: A title.
    """
    return hashlib.sha256(salt + words.encode()).digest()


class BlindDocument(Wire):
    """The document that a browser has prepared.

    Attributes:
        sha256: SHA-256 of it, which 32 bytes of chance in it keep from being guessed.
        size: Its bytes.
        pages: Its pages; 0: it is no PDF, but the container in which any file is signed, and
            ``sha256`` is what the certificates of its signers name (``Container.document_sha256``).
        blob: SHA-256 of its ciphertext, hexadecimal.
    """

    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=DOCUMENT_BYTES_MAX)]
    pages: Annotated[int, Field(ge=0, le=PAGES_MAX)]
    blob: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BlindParty(Wire):
    """Somebody who is to take part.

    Attributes:
        party: Their id: ``p1`` and on.
        role: As what; no seals of organisations, which would have to read the document.
        user: Their account.
        of: Of a witness: id of whom they see sign.
        level: How they have to sign at least; none: as everybody.
        deadline_at_ms: Their own, UTC; none: that of all.
    """

    party: PartyId
    role: Literal["signer", "clerk", "approver", "witness", "viewer"]
    user: WireUserId
    of: PartyId | None = None
    level: LevelName | None = None
    deadline_at_ms: Moment | None = None


class BlindStage(Wire):
    """Parties who act at once.

    Attributes:
        parties: Their ids.
        need: How many signatures are enough; none: all.
    """

    parties: Annotated[
        tuple[PartyId, ...], Field(strict=False, min_length=1, max_length=PARTIES_MAX)
    ]
    need: Annotated[int, Field(ge=1)] | None = None


class BlindClause(Wire):
    """A clause that needs consent, of which the service knows no words.

    Attributes:
        id: In the document.
        title_sha256: Of its title, see ``veiled``.
        kind: What consent to it is.
        page: Where it is, from 1.
    """

    id: ClauseId
    title_sha256: Sha256
    kind: Literal["required", "unfair", "optional"]
    page: Annotated[int, Field(ge=1, le=PAGES_MAX)]


class BlindBody(Wire):
    """A document that somebody wants to have signed without showing it to the service.

    Attributes:
        title_sha256: Of its title, see ``veiled``.
        document: What the browser has prepared.
        matter: Ciphertext of titles, names and the salt, base64.
        parties: Who takes part.
        stages: Who acts when; empty: all who act at once.
        clauses: Those that need consent.
        level: How everybody has to sign at least.
        effect: Whether signatures count once everyone has signed, or each for itself.
        may_delegate: Whether parties may let others sign.
        deadline_at_ms: UTC; none: two weeks.
    """

    title_sha256: Sha256
    document: BlindDocument
    matter: Annotated[str, Field(pattern=BASE64, max_length=_MATTER_CHARACTERS_MAX)]
    parties: Annotated[
        tuple[BlindParty, ...], Field(strict=False, min_length=1, max_length=PARTIES_MAX)
    ]
    stages: Annotated[tuple[BlindStage, ...], Field(strict=False, max_length=_STAGES_MAX)] = ()
    clauses: Annotated[tuple[BlindClause, ...], Field(strict=False, max_length=CLAUSES_MAX)] = ()
    level: LevelName = "S2"
    effect: Literal["when_complete", "each"] = "when_complete"
    may_delegate: bool = False
    deadline_at_ms: Moment | None = None


class LinkView(Wire):
    """The link by which a person's page acts as a party.

    Attributes:
        party: Who they are.
        token: Goes with it in ``Veche-Party``.
    """

    party: PartyId
    token: Token


class BlindState(LinkView):
    """A document as its requester's page sees it; the link is the requester's own.

    Attributes:
        session: Its id.
        state: Where it has got to.
        code: Four digits of the document, which everybody compares.
        document_is_here: Whether its ciphertext has come.
    """

    session: SessionId
    state: str
    code: str
    document_is_here: bool


class ClosingBody(Wire):
    """A page closes the file, or puts another time stamp on a closed one.

    Attributes:
        party: Whose page it is.
        revision: What it added: proofs and a time stamp over all of it.
    """

    party: PartyId
    revision: RevisionView


class DoubtBody(Wire):
    """A page refuses what it got, and says so.

    Attributes:
        party: Whose page it is.
        revision: Number of the revision that does not hold; 0: the document itself.
        fault: What is wrong.
    """

    party: PartyId
    revision: Annotated[int, Field(ge=0, le=PARTIES_MAX + 100)]
    fault: Literal["document", "matter", "increment", "signature"]
