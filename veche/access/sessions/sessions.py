"""Signing in on pages: asking for a code, bringing it back, and what a token is good for."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Final

import attrs

from veche.access.sessions import core, store, talk
from veche.access.sessions.core import (
    HOUR_MS,
    Agent,
    Level,
    Sent,
    Session,
    SignIn,
    SignInRefusedError,
    Verdict,
    WrongCodeError,
)
from veche.access.sessions.jobs import (
    ASK_IDENTITY,
    SEND_CODE,
    AskIdentity,
    SendCode,
    schedule_code,
    schedule_identity,
)
from veche.chat import people
from veche.chat.bot_accounts import sender_of
from veche.protocol.errors import LimitError, NotFoundError, RefusedError, SignInError
from veche.protocol.ids import ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IReactorTime

    from veche.access.sessions.openid import OpenIdChecker, OpenIdToken
    from veche.acts import ActLog
    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import UserId
    from veche.runtime.crypto.tracking import People
    from veche.runtime.database import Cursor, Database
    from veche.runtime.web.public import PageLinks

logger = logging.getLogger(__name__)

DEFAULT_LANGUAGE: Final = "en"
_ALL_SESSIONS: Final = "all"
_RETRY_AFTER_MS: Final = 10 * core.MINUTE_MS


@attrs.frozen
class SignedIn:
    """The answer to a browser that signed in.

    Attributes:
        token: The bearer token: the only copy, we keep its digest.
    """

    token: str
    session: Session


@attrs.define(slots=False, eq=False)
class Sessions:
    """The sessions of all persons; they are rows, so that every process knows them.

    Without ``links`` nobody signs in, without ``openid`` its tokens are refused. ``people`` asks
    for the keys of persons, since sessions end with their identity. ``key`` is 32 secret bytes from
    outside the database, for the digests of addresses.
    """

    _database: Database
    _reactor: IReactorTime
    _act_log: ActLog
    _links: PageLinks | None
    _people: People
    _key: bytes = attrs.field(kw_only=True)
    _openid: OpenIdChecker | None = attrs.field(kw_only=True, default=None)

    async def authenticate(self, token: str, now_ms: int) -> Session:
        """The session of a bearer token; its use is noted.

        Raises:
            SignInError: There is none, or not any more.
        """
        return await self._database.run("sessions authenticate", self.authenticated, token, now_ms)

    def authenticated(self, txn: Cursor, token: str, now_ms: int) -> Session:
        """As ``authenticate``, in a transaction of the caller.

        Where there is news of the person's keys, they are asked for: a session ends with the
        identity that it began with.
        """
        digest = core.token_hash(token)
        found = store.session_of(txn, digest) if digest else None
        session, news = found or (None, None)
        if session is None or not core.is_alive(session.used_at_ms, session.ends_at_ms, now_ms):
            raise SignInError("Please sign in again")
        if now_ms >= session.used_at_ms + core.USED_STEP_MS:
            store.set_used(txn, session.id, now_ms)
        if news is not None:
            schedule_identity(txn, session.person, news, now_ms)
        return session

    # How one gets in

    async def ask_code(
        self, person: str, user_agent: str, address: str, language: str = DEFAULT_LANGUAGE
    ) -> str:
        """Have the bot of a person's newest private chat send a code and a link there.

        What comes back is the same, and as fast, whether or not there is such a person or chat:
        the work is done after the answer, by a job.

        Args:
            person: Matrix id, as it was typed.
            user_agent: Header of the request; any text.
            address: Who asks, for the limits.
            language: Of the page; the bot speaks it, unless the person chose another.

        Returns:
            A secret that the page keeps: the code is good with it alone.

        Raises:
            MalformedError: ``person`` is no Matrix id.
            LimitError: Too many requests from there, or from everywhere.
            RefusedError: There are no pages here.
        """
        if self._links is None:
            raise RefusedError("There are no pages here")
        user_id = core.user_id_of(person)
        request = secrets.token_urlsafe(core.SECRET_BYTES)
        agent = core.agent_of(user_agent)
        sign_in = talk.new_sign_in(user_id, agent, language, self._now_ms())
        is_taken = await self._database.run(
            "sessions ask", self._open_request, sign_in, request, self._address_hash(address)
        )
        if not is_taken:
            raise LimitError(
                "Too many requests to sign in, please try later", retry_after_ms=_RETRY_AFTER_MS
            )
        return request

    async def redeem_code(self, request: str, code: str, user_agent: str = "") -> SignedIn:
        """Sign in with the code that was sent for a request.

        Args:
            request: What ``ask_code`` gave to the page.
            code: As typed; spaces in it are ignored.
            user_agent: Of the browser that gets the session.

        Raises:
            WrongCodeError: Another code; after ``TRIES_MAX`` the request is burned.
            SignInRefusedError: The request is used, burned, or too old.
        """
        digest = core.secret_hash(request)
        if digest is None:
            raise SignInRefusedError("This request is not good any more: ask for a new code")
        got = await self._database.run(
            "sessions code", self._try_code, digest, code, self._new(user_agent)
        )
        if got is Verdict.WRONG:
            raise WrongCodeError("This is not the code that was sent for this page")
        if not isinstance(got, SignedIn):
            raise SignInRefusedError("This request is not good any more: ask for a new code")
        return got

    async def redeem_link(
        self, secret: str, user_agent: str = "", language: str | None = None
    ) -> SignedIn:
        """Sign in with the secret of a link: once, and whoever is first.

        Args:
            secret: Of the link.
            user_agent: Of the browser.
            language: That the person chose on their device, code of a catalogue; None: the one
                that bots know stays.

        Raises:
            SignInRefusedError: The link was used, is too old, or nobody sent it.
        """
        digest = core.secret_hash(secret)
        got = None
        if digest is not None:
            new = attrs.evolve(self._new(user_agent), language=language)
            got = await self._database.run("sessions link", self._try_link, digest, new)
        if got is None:
            raise SignInRefusedError("This link is not good any more: ask the bot for a new one")
        return got

    async def redeem_openid(self, token: OpenIdToken, user_agent: str = "") -> SignedIn:
        """Sign in at the lowest level with an OpenID token of the person's homeserver.

        Raises:
            SignInRefusedError: The homeserver does not know it, it is another's, or was taken.
            UnavailableError: The homeserver cannot be asked.
        """
        if self._openid is None:
            raise SignInRefusedError("OpenID tokens are not taken here")
        digest = core.hash_of(token.access_token)
        if await self._database.run("sessions openid", store.was_taken, digest):
            raise SignInRefusedError("This token was used before")
        person = await self._openid.person_of(token)
        got = await self._database.run(
            "sessions openid", self._take_openid, digest, person, self._new(user_agent)
        )
        if got is None:
            raise SignInRefusedError("This token was used before")
        return got

    # My sessions

    def sessions_of(self, txn: Cursor, person: UserId, now_ms: int) -> list[Session]:
        """A person's sessions that go on, the newest first."""
        found = store.sessions_of(txn, person)
        return [one for one in found if core.is_alive(one.used_at_ms, one.ends_at_ms, now_ms)]

    def sign_out(self, txn: Cursor, person: UserId, session_id: str, now_ms: int) -> int:
        """End one session of a person, or all (``all``); how many ended.

        Raises:
            NotFoundError: The person has no such session.
        """
        if session_id == _ALL_SESSIONS:
            return talk.sign_out_everywhere(txn, person, now_ms)
        if not core.is_session_id(session_id) or not store.end_session(txn, person, session_id):
            raise NotFoundError("There is no such session")
        return 1

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Return the handlers of jobs that run after an answer; for the host.

        None where there are no pages: a process that has some does it then.
        """
        if self._links is None:
            return {}
        return {
            SEND_CODE: SendCode(self._act_log, self._links),
            ASK_IDENTITY: AskIdentity(self._people),
        }

    # Transactions

    def _open_request(
        self, txn: Cursor, sign_in: SignIn, request: str, address_hash: bytes
    ) -> bool:
        now_ms = sign_in.opened_at_ms
        of_address, of_all = store.count_asked(txn, address_hash, now_ms - HOUR_MS)
        if of_address >= core.ASKED_PER_ADDRESS_MAX or of_all >= core.ASKED_PER_HOUR_MAX:
            return False
        digest = core.secret_hash(request)
        store.add_request(txn, sign_in, request_hash=digest, address_hash=address_hash)
        schedule_code(txn, sign_in.id, now_ms)
        return True

    def _try_code(self, txn: Cursor, digest: bytes, code: str, new: _New) -> SignedIn | Verdict:
        sign_in = store.lock_request(txn, digest)
        wrong = store.count_wrong(txn, new.now_ms - HOUR_MS)
        verdict = core.judge_code(sign_in, code, wrong, new.now_ms)
        if sign_in is None or verdict is Verdict.OVER:
            return Verdict.OVER
        if verdict is Verdict.WRONG or sign_in.sent is None:
            # Not an error here: that would roll the count back.
            store.count_try(txn, sign_in.id)
            return Verdict.WRONG
        return self._sign_in(txn, sign_in, sign_in.sent, new) or Verdict.OVER

    def _try_link(self, txn: Cursor, digest: bytes, new: _New) -> SignedIn | None:
        sign_in = store.lock_link(txn, digest)
        if sign_in is None or sign_in.sent is None:
            return None
        if core.judge_link(sign_in, new.now_ms) is not Verdict.GOOD:
            return None
        return self._sign_in(txn, sign_in, sign_in.sent, new)

    def _sign_in(self, txn: Cursor, sign_in: SignIn, sent: Sent, new: _New) -> SignedIn | None:
        """A session for whoever brought back what was sent; told in the room where it was sent.

        None if others could read it too; it is used up all the same.
        """
        level = core.level_of(sign_in.person, store.recipients(txn, sent))
        store.end_sign_in(txn, sign_in.id, new.now_ms)
        if level is None:
            logger.warning("sign-in %s is refused: not the person alone could read it", sign_in.id)
            return None
        signed_in = self._begin(txn, sign_in.person, level, new)
        cause = f"signed in {signed_in.session.id}"
        sender = sender_of(txn, self._act_log, sent.bot, cause, new.now_ms)
        language = signed_in.session.language or sign_in.language
        talk.say_signed_in(sender, sent.room_id, signed_in.session, language)
        return signed_in

    def _take_openid(
        self, txn: Cursor, digest: bytes, person: UserId, new: _New
    ) -> SignedIn | None:
        if not store.take_openid(txn, digest, new.now_ms):
            return None
        return self._begin(txn, person, Level.LOW, new)

    def _begin(self, txn: Cursor, person: UserId, level: Level, new: _New) -> SignedIn:
        store.lock_person(txn, person)
        if new.language is not None:
            people.choose_language(txn, person, new.language)
        known = people.read(txn, person, default_language=DEFAULT_LANGUAGE)
        chosen = known.language if known.has_chosen else None
        session = Session(
            id=new.session_id,
            person=person,
            level=level,
            language=chosen,
            agent=new.agent,
            begun_at_ms=new.now_ms,
            used_at_ms=new.now_ms,
            ends_at_ms=new.now_ms + core.SESSION_MS_MAX,
        )
        store.add_session(txn, session, core.hash_of(new.token))
        alike = [
            one
            for one in store.sessions_of(txn, person)
            if (one.level is Level.LOW) == (level is Level.LOW)
        ]
        for old in alike[core.SESSIONS_MAX :]:
            store.end_session(txn, person, old.id)
        return SignedIn(new.token, session)

    def _new(self, user_agent: str) -> _New:
        now_ms = self._now_ms()
        return _New(
            session_id=ulid(now_ms, secrets.token_bytes(talk.ID_BYTES)),
            token=secrets.token_urlsafe(core.TOKEN_BYTES),
            agent=core.agent_of(user_agent),
            now_ms=now_ms,
        )

    def _address_hash(self, address: str) -> bytes:
        return hashlib.blake2b(address.encode(), digest_size=16, key=self._key).digest()

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


@attrs.frozen
class _New:
    """The parts of a new session that are made outside the transaction."""

    session_id: str
    token: str
    agent: Agent
    now_ms: int
    language: str | None = None
