"""A town with a bot, persons and their chats as rows, for the tests of signing in.

Nothing is encrypted here: ``seal`` writes down what sealing a message leaves behind, and which
devices got its key. Tests with real encryption are those of the host.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from tests.support.said import opened
from veche.access.sessions import Sessions, talk
from veche.acts import ActLog
from veche.chat.sending import Sender
from veche.messaging.inbox import store as inbox_store
from veche.messaging.jobs import Job
from veche.messaging.service import BotAccount
from veche.protocol.ids import EffectId, RoomId, UserId
from veche.runtime.crypto.core.keys_query import PersonKeys
from veche.runtime.crypto.core.values import PeerDevice
from veche.runtime.crypto.store import people as key_store
from veche.runtime.database import Database
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.access.sessions import Session, SignedIn
    from veche.access.sessions.openid import OpenIdChecker
    from veche.runtime.database import Cursor

SERVER: Final = "example.org"
ALICE: Final = UserId(f"@alice:{SERVER}")
BOB: Final = UserId(f"@bob:{SERVER}")
BOT: Final = UserId(f"@veche_town:{SERVER}")
DEVICE: Final = "VECHE1"
MASTER: Final = "alice's master key"
FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
URL: Final = "https://veche.example.org"
BEGIN_MS: Final = 1_764_000_000_000
ACCOUNT: Final = BotAccount(BOT, "Town", "lindenau")
_numbers = itertools.count(1)


@attrs.define
class Directory:
    """Notes whose keys are asked for."""

    asked: list[tuple[str, list[str]]] = attrs.field(factory=list)

    async def refresh(self, bot: UserId, user_ids: Collection[str]) -> None:
        self.asked.append((bot, sorted(user_ids)))


@attrs.frozen
class Said:
    """A message of the bot that signs in."""

    room_id: str
    body: str
    effect_id: str

    @property
    def secret(self) -> str:
        """What stands in its link."""
        found = re.search(
            re.escape(URL) + r"/signin#([A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])", self.body
        )
        assert found is not None, self.body
        return found[1]

    @property
    def code(self) -> str:
        """The six digits in it."""
        [code] = re.findall(r"(?<![A-Za-z0-9_-])[0-9]{6}(?![A-Za-z0-9_-])", self.body)
        return str(code)


class SessionCase(TestCase):
    """A case with a database, a clock and the sessions of one process."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        scope = database(*KERNEL_SETS)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        real: Any = reactor
        self.database = Database(self.dsn, real, threads=4)
        self.addCleanup(self.database.close)
        self.clock = Clock()
        self.clock.advance(BEGIN_MS / 1000)
        self.directory = Directory()
        self.log = ActLog(bytes(32))
        self.sessions = self.of_process()

    def of_process(
        self, openid: OpenIdChecker | None = None, *, has_pages: bool = True
    ) -> Sessions:
        """The sessions as another process has them."""
        people: Any = self.directory
        links = PageLinks(URL) if has_pages else None
        return Sessions(
            self.database, self.clock, self.log, links, people, key=bytes(32), openid=openid
        )

    @property
    def now_ms(self) -> int:
        return int(self.clock.seconds() * 1000)

    def wait(self, ms: int) -> None:
        """Let time go by."""
        self.clock.advance(ms / 1000)

    async def transact(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        """Run one transaction."""
        return await self.database.run("test", work, *args, **kwargs)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a statement, committed."""
        return execute(self.dsn, statement, *values)

    # Who is where

    async def chat(self, *members: str, is_encrypted: bool = True, bot: UserId = BOT) -> RoomId:
        """A new room of the bot with those members, by default with Alice; ``~`` is invited."""
        room_id = RoomId(f"!room{next(_numbers)}:{SERVER}")
        await self.transact(_make_chat, room_id, bot, members or (ALICE,), is_encrypted)
        return room_id

    async def know(
        self, person: UserId = ALICE, *, master: str | None = MASTER, **devices: bool
    ) -> None:
        """Learn the keys of a person: devices by name, and whether each is cross-signed."""
        keys = PersonKeys(
            master,
            tuple(PeerDevice(person, name, *_keys(name), ok) for name, ok in devices.items()),
        )
        await self.transact(_know, person, keys)

    # What is said

    async def said(self) -> list[Said]:
        """All messages of bots that were not sealed yet, in order."""
        rows = self.sql(
            "SELECT room_id, content, effect_id FROM runtime.outbox"
            " WHERE content IS NOT NULL ORDER BY seq"
        )
        return [Said(room_id, opened(one)["body"], effect) for room_id, one, effect in rows]

    async def bodies(self) -> list[str]:
        """Their texts."""
        return [one.body for one in await self.said()]

    async def page(
        self, room_id: RoomId, person: UserId = ALICE, *, cause: str = "", language: str = "en"
    ) -> Said:
        """The command in a chat; what the bot said to it."""
        links = PageLinks(URL)
        cause = cause or f"cause {next(_numbers)}"

        def work(txn: Cursor) -> None:
            sender = Sender(txn, self.log, ACCOUNT, cause, self.now_ms)
            talk.offer_link(txn, sender, room_id, person, links, language)

        await self.transact(work)
        return (await self.said())[-1]

    async def ask(self, person: str = ALICE, address: str = "192.0.2.1", **more: Any) -> str:
        """A page asks for a code, and what follows is done; the page's secret."""
        request = await self.sessions.ask_code(person, FIREFOX, address, **more)
        await self.work()
        return request

    async def work(self) -> list[str]:
        """Do the jobs; their kinds."""
        handlers = self.sessions.job_handlers()
        rows = self.sql("DELETE FROM runtime.errand RETURNING errand_id, kind, payload, due_at_ms")
        for id_, kind, payload, due_at_ms in rows:
            job = Job(EffectId(id_), kind, payload, due_at_ms)
            result = await handlers[kind].perform(job)
            await self.transact(handlers[kind].finish, job, result, self.now_ms)
        return [kind for _, kind, _, _ in rows]

    async def seal(self, said: Said, *readers: tuple[UserId, str]) -> None:
        """Have a message sealed for devices: whose, and which; one of Alice's if none is named."""
        await self.transact(_seal, said, readers or ((ALICE, "PHONE"),))

    async def link(self, *, is_verified: bool = True) -> Said:
        """A link that was sent to Alice's phone."""
        if not self.sql("SELECT FROM crypto.person WHERE user_id = %s", ALICE):
            await self.know(PHONE=is_verified)
        said = await self.page(await self.chat())
        await self.seal(said)
        return said

    async def sign_in(self, *, is_verified: bool = True) -> SignedIn:
        """Alice, signed in with a link."""
        said = await self.link(is_verified=is_verified)
        return await self.sessions.redeem_link(said.secret, FIREFOX)

    async def session(self, signed_in: SignedIn) -> Session:
        """The session of a token, as an API finds it."""
        return await self.sessions.authenticate(signed_in.token, self.now_ms)

    async def sign_out(self, person: UserId = ALICE, session_id: str = "all") -> int:
        """End sessions; how many."""
        count = await self.transact(self.sessions.sign_out, person, session_id, self.now_ms)
        return int(count)


def _keys(name: str) -> tuple[str, str]:
    return f"curve {name}", f"ed {name}"


def _make_chat(
    txn: Cursor, room_id: RoomId, bot: UserId, members: Sequence[str], is_encrypted: bool
) -> None:
    inbox_store.add_bots(txn, [attrs.evolve(ACCOUNT, user_id=bot)])
    txn.execute("INSERT INTO runtime.room (room_id, looked_at_ms) VALUES (%s, 1)", (room_id,))
    txn.execute("INSERT INTO runtime.room_bot (room_id, bot) VALUES (%s, %s)", (room_id, bot))
    txn.execute(
        "INSERT INTO crypto.room VALUES (%s, %s, 604800000, 100, 'shared')",
        (room_id, is_encrypted),
    )
    for one in (bot, *members):
        membership = "invite" if one.startswith("~") else "join"
        txn.execute(
            "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)",
            (room_id, one.lstrip("~"), membership),
        )


def _know(txn: Cursor, person: UserId, keys: PersonKeys) -> None:
    key_store.mark_outdated(txn, [person])
    key_store.save_keys(txn, person, keys)
    key_store.end_query(txn, key_store.begin_query(txn, [person]), BEGIN_MS)


def _seal(txn: Cursor, said: Said, readers: Sequence[tuple[UserId, str]]) -> None:
    txn.execute("SELECT bot FROM runtime.outbox WHERE effect_id = %s", (said.effect_id,))
    [(bot,)] = txn.fetchall()
    session_id = f"session {next(_numbers)}"
    txn.execute(
        "INSERT INTO crypto.identity VALUES (%s, 'key', '', 'operator', 1) ON CONFLICT DO NOTHING",
        (bot,),
    )
    txn.execute(
        "INSERT INTO crypto.device (user_id, device_id, account, pickled_under)"
        " VALUES (%s, %s, '', '') ON CONFLICT DO NOTHING",
        (bot, DEVICE),
    )
    txn.execute("SELECT device_no FROM crypto.device WHERE user_id = %s", (bot,))
    [(device_no,)] = txn.fetchall()
    txn.execute(
        "UPDATE runtime.outbox SET content = NULL, sealed = %s, sealed_type = 'm.room.encrypted',"
        " sealed_device = %s, state = 2 WHERE effect_id = %s",
        (json.dumps({"session_id": session_id}), DEVICE, said.effect_id),
    )
    for user_id, name in readers:
        txn.execute(
            "INSERT INTO crypto.room_key_shared VALUES (%s, %s, %s, %s, %s, %s, 0, NULL)",
            (device_no, said.room_id, session_id, user_id, name, _keys(name)[0]),
        )
