"""Routes by which a party's page lets somebody else act, or acts itself again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, PartyCalls
from appservices.signing.pages.service.views import session_view
from appservices.signing.parties.api.delegation import (
    AskDelegationBody,
    AskedDelegationView,
    DelegateBody,
)
from appservices.signing.parties.api.parties import SessionView
from appservices.signing.parties.service import delegating
from appservices.signing.parties.service.delegating import Other
from appservices.signing.sessions.core.errors import DelegationError
from appservices.signing.sessions.service.naming import known_name, user_named
from veche.protocol.errors import VecheError

if TYPE_CHECKING:
    from veche.api import Call
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


class DelegationRoutes(PartyCalls):
    """Serves parties who let others act."""

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/delegate/ask",
        body=AskDelegationBody,
        answer=AskedDelegationView,
        limit=ASK_LIMIT,
        summary="What the party's device key has to sign to let somebody else act, or nobody",
    )
    async def ask_delegation(self, call: Call) -> AskedDelegationView:
        """A fresh question; an earlier one counts no more."""
        body: AskDelegationBody = call.body
        typed = body.to

        def known(txn: Cursor) -> UserId:
            """Before anybody is looked for: whoever has no link learns nothing of accounts."""
            scene = self._conversation(txn, call, "delegation")
            _, member = self._party(scene, call, body.party, call.path_args["session"])
            return member.user_id

        def work(txn: Cursor) -> AskedDelegationView | VecheError:
            about = f"{call.path_args['session']} {body.party} {call.now_ms}"
            scene = self._conversation(txn, call, f"delegation {about}")
            session, member = self._locked(scene, call, body.party)
            return delegating.ask(scene, session, member, other, call.language)

        run = self._host.database.run
        me = await run("signing.delegation", known)
        other = None if typed is None else await self._other(typed, me)
        return await self._unless_refused("signing.ask_delegation", work, call)

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/delegate",
        body=DelegateBody,
        answer=SessionView,
        limit=ASK_LIMIT,
        summary="Let somebody else act in the party's place, or take that back",
    )
    async def delegate(self, call: Call) -> SessionView:
        """Signed by the device key, so that nobody else can; both names are in the evidence."""
        body: DelegateBody = call.body

        def known(txn: Cursor) -> UserId:
            scene = self._conversation(txn, call, "delegation")
            _, member = self._party(scene, call, body.party, call.path_args["session"])
            return member.user_id

        def work(txn: Cursor) -> SessionView | VecheError:
            scene = self._conversation(txn, call, f"delegate {body.approval.approval.nonce}")
            session, member = self._locked(scene, call, body.party)
            done = delegating.delegate(scene, session, member, other, body.approval)
            if isinstance(done, VecheError):
                return done
            return session_view(scene, done, done.member(member.id) or member)

        me = await self._host.database.run("signing.delegation", known)
        other = None if body.to is None else await self._other(body.to, me)
        return await self._unless_refused("signing.delegate", work, call)

    async def _other(self, typed: str, me: UserId) -> Other:
        """Look up the person who was typed.

        Raises:
            DelegationError: There is nobody of that name.
        """
        bot = self._parts().bot.user_id
        user = user_named(typed.strip(), bot, me)
        name = None if user is None else await known_name(self._parts().host.client, bot, user)
        if user is None or name is None:
            raise DelegationError("There is nobody of that name. Look at how it is written.")
        return Other(user, name)
