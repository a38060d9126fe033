"""Long polls of pages: an answer waits until there is something new for whoever is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from veche.access.sessions import sessions_topic
from veche.protocol.errors import SignInError
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.access.sessions import Session, Sessions
    from veche.api.gate import Gate
    from veche.api.json_api import Call
    from veche.runtime.database import Cursor
    from veche.runtime.live import Live

V = TypeVar("V")


@attrs.frozen
class Follower:
    """Waits with an answer until there is something new: a long poll.

    Attributes:
        gate: Before the API; its database is read.
        live: Those who wait for news.
        sessions: Of persons on pages.
    """

    gate: Gate
    live: Live
    sessions: Sessions

    async def news(
        self, name: str, call: Call, topic: str, read: Callable[[Cursor, bool], V | None]
    ) -> V:
        """Return the result of ``read`` once it is new, or the present one after ``WAIT_MS_MAX``.

        Args:
            name: Of the transactions.
            call: Who asks, and what they know already: ``after`` of the query.
            topic: What is announced when something changes.
            read: Finds out, with whether it must answer now; None: nothing is new.

        Raises:
            SignInError: The session was ended meanwhile.
            LimitError: Too many wait.
        """
        quiet(call.request)
        session = call.signed_in
        topics = [topic, sessions_topic(session.person)]

        def read_checked(txn: Cursor, is_last: bool) -> V | None:
            self._check(txn, session)
            return read(txn, is_last)

        async def look(left_ms: int) -> V | None:
            is_last = left_ms <= 0 or call.query.after is None
            return await self.gate.database.run(name, read_checked, is_last)

        found = await self.live.follow(topics, WAIT_MS_MAX, look, owner=session.id)
        if found is None:
            raise LookupError(f"{name} answered nothing when it had to")
        return found

    def _check(self, txn: Cursor, session: Session) -> None:
        mine = self.sessions.sessions_of(txn, session.person, self.gate.now_ms())
        if session.id not in {one.id for one in mine}:
            raise SignInError("Please sign in again")
