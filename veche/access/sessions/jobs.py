"""Jobs of sessions that run after an answer: sending a code, asking for an identity."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from veche.access.sessions import core, store, talk
from veche.chat import people
from veche.chat.bot_accounts import private_chats, sender_of
from veche.messaging.jobs import Job, JobHandler, schedule
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId, effect_id
from veche.runtime.crypto.tracking import identity_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.acts import ActLog
    from veche.runtime.crypto.tracking import People
    from veche.runtime.database import Cursor
    from veche.runtime.web.public import PageLinks

SEND_CODE: Final = "sessions.code"
ASK_IDENTITY: Final = "sessions.identity"


def schedule_code(txn: Cursor, sign_in_id: str, now_ms: int) -> None:
    """Have the code of a request sent."""
    payload = {"sign_in": sign_in_id}
    schedule(txn, Job(effect_id(SEND_CODE, sign_in_id), SEND_CODE, payload, now_ms))


def schedule_identity(txn: Cursor, person: UserId, news: int, now_ms: int) -> None:
    """Have a person's keys asked for; once for each news of them, however often it is called."""
    bot = store.any_bot(txn)
    if bot is not None:
        id_ = effect_id(ASK_IDENTITY, person, news)
        schedule(txn, Job(id_, ASK_IDENTITY, {"person": person, "bot": bot}, now_ms))


class SendCode(JobHandler):
    """Sends the code and the link of a request of a page."""

    def __init__(self, act_log: ActLog, links: PageLinks) -> None:
        self._act_log = act_log
        self._links = links

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Make the code; it stays in memory until it is said."""
        return {"code": f"{secrets.randbelow(10**core.CODE_DIGITS):0{core.CODE_DIGITS}}"}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say it where the person alone can read it, if there is such a room."""
        sign_in = store.lock_sign_in(txn, job.payload["sign_in"])
        if sign_in is None or not core.is_open(sign_in, now_ms):
            return
        person = sign_in.person
        store.lock_person(txn, person)  # or several at once would pass the limit
        sent = store.count_sent(txn, person, now_ms - core.HOUR_MS, with_code=True)
        chats = private_chats(txn, person)
        if not chats or sent >= core.CODES_PER_HOUR_MAX or identity_view(txn, person).is_doubted:
            return
        bot, room_id = chats[0]
        try:
            sender = sender_of(txn, self._act_log, bot, job.id, now_ms)
        except UnavailableError:
            return  # a bot that this version never started: nobody would send it
        language = people.read(txn, person, default_language=sign_in.language).language
        talk.send_code(
            txn, sender, room_id, sign_in, result["code"], links=self._links, language=language
        )


class AskIdentity(JobHandler):
    """Asks for the keys of a person of whom there is news, and ends what rested on old ones."""

    def __init__(self, directory: People) -> None:
        self._directory = directory

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask; what cannot be asked now is asked for at the next use of a session."""
        await self._directory.refresh(UserId(job.payload["bot"]), [UserId(job.payload["person"])])
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """End the sessions of another identity."""
        store.end_sessions_of_others(txn, UserId(job.payload["person"]))
