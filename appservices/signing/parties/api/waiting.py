"""HTTP bodies for all that waits for a person, and for signing many documents at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appservices.signing.parties.api.parties import LIST_CHARACTERS_MAX, AskedView, Token
from veche.contracts.signing.signing_api import PartyId, SessionId
from veche.protocol.approval import DOCUMENTS_MAX, Sha256
from veche.protocol.wire import Wire


class WaitingView(Wire):
    """All that waits for a person's signature, encrypted with the key in their link.

    Attributes:
        sealed: Ciphertext of a ``WaitingList``; it is for ``veche.signing.waiting``.
    """

    sealed: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+$", max_length=LIST_CHARACTERS_MAX)]


class WaitingParty(Wire):
    """A document that waits for a person, as their link to it has it.

    Attributes:
        session: Id of the session.
        party: Who they are in it.
        token: Of their link.
        key: Of its files, base64url.
        title: Of the document.
    """

    session: SessionId
    party: PartyId
    token: Token
    key: str
    title: str


class PrivateParty(Wire):
    """A document that waits for a person, and whose key only whoever asks has.

    Attributes:
        session: Id of the session.
        party: Who they are in it.
        token: Goes with it in ``Veche-Party``.
        requester: Account of who asks, and sends the link with the key.
        is_together: Whether it can be signed by one approval with others.
    """

    session: SessionId
    party: PartyId
    token: Token
    requester: str
    is_together: bool


class WaitingList(Wire):
    """The documents that wait for a person.

    Attributes:
        documents: Those that can be signed by one approval, the oldest first.
        others: Those that are signed one at a time.
        private: Those that the service cannot read; with the documents, of one approval.
        more: How many there are besides.
    """

    documents: list[WaitingParty]
    others: list[WaitingParty]
    private: list[PrivateParty]
    more: int


class ListedParty(Wire):
    """One of several documents that are to be signed at once.

    Attributes:
        session: Id of the session.
        party: Who they are in it.
        token: Of their link.
    """

    session: SessionId
    party: PartyId
    token: Token


class AskListBody(Wire):
    """A request for one approval of several documents.

    Attributes:
        read: Whether all pages of all were on the screen, or the person has read them elsewhere.
        key: SHA-256 of the SubjectPublicKeyInfo of the fresh key, DER.
        documents: Each with the token of its own link.
    """

    read: Literal["all_pages", "elsewhere"]
    key: Sha256
    documents: Annotated[
        tuple[ListedParty, ...], Field(strict=False, min_length=1, max_length=DOCUMENTS_MAX)
    ]


class LeftOutView(Wire):
    """A document that cannot be signed with the others.

    Attributes:
        session: Id of the session.
        errcode: Why, for programs.
        error: Why, in words.
    """

    session: SessionId
    errcode: str
    error: str


class AskedListView(AskedView):
    """The approval that the person's device key signs once for all documents.

    Attributes:
        left_out: Those that are not in it.
    """

    left_out: list[LeftOutView]
