"""Routes for the page of many documents: those that wait, and one approval of all.

Each is signed and handed in as if it were alone: certificates and signatures have one way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, known_party
from appservices.signing.parties.api.waiting import AskedListView, AskListBody, WaitingView
from appservices.signing.parties.service.waiting import LeftOut, ask_all, is_good, list_view
from appservices.signing.sessions.service.tokens import PartyToken, read_list_header
from veche.protocol.errors import NotFoundError, SignInError
from veche.protocol.ids import UserId
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.signing.pages.routes.api import Signing
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.api import Call
    from veche.runtime.database import Cursor

LIST_LIMIT: Final = Limit(burst=20, per_s=0.5)
"""Lists for one client address: each reads hundreds of documents' rows."""
_NO_SUCH: Final = "There is no such list here, or its link is too old. Write “sign all” to the bot."


class ListRoutes:
    """Serves persons who sign many documents at once."""

    def __init__(self, signing: Signing) -> None:
        """Make them."""
        self._signing = signing

    @API.sessionless.transaction(
        "signing.waiting",
        "GET",
        "/waiting",
        answer=WaitingView,
        limit=LIST_LIMIT,
        summary="All that waits for a person, encrypted (Veche-List: PERSON UNTIL TOKEN)",
    )
    def waiting(self, txn: Cursor, call: Call) -> WaitingView:
        """The list."""
        scene = self._conversation(txn, call, "waiting")
        told = read_list_header(call.header("veche-list"))
        if told is None:
            raise SignInError("Please open the link from your chat again")
        if not is_good(scene, told):
            raise NotFoundError(_NO_SUCH)
        return list_view(scene, UserId(told.person), told.until_ms)

    @API.sessionless.transaction(
        "signing.ask_all",
        "POST",
        "/asks",
        body=AskListBody,
        answer=AskedListView,
        limit=ASK_LIMIT,
        summary="What the person's device key has to sign, once, to sign many documents",
    )
    def ask_all(self, txn: Cursor, call: Call) -> AskedListView:
        """A fresh question; what cannot be signed with the others is named."""
        scene = self._conversation(txn, call, "ask all")
        body: AskListBody = call.body
        found, left = [], []
        for one in body.documents:
            try:
                found.append(known_party(scene, one.session, PartyToken(one.party, one.token)))
            except NotFoundError as e:
                left.append(LeftOut(one.session, e))
        return ask_all(scene, found, left, body)

    def _conversation(self, txn: Cursor, call: Call, cause: str) -> Conversation:
        parts = self._signing.parts
        if parts is None:
            raise NotFoundError(_NO_SUCH)
        return parts.conversation(txn, f"page {cause}", call.now_ms)
