"""A town's office for tests: the real agency on a real database, without a homeserver.

What the agency asks of the host's network is done here by a few lines, and what it says is taken
out of the outbox as the sender would: each row gets an event id, invitations become memberships.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import pickle
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs
import yaml
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from appservices.agency.bot import Agency
from appservices.agency.cases import store
from appservices.agency.config import AgencySection
from appservices.agency.pages.service.acts import Visit, start_case
from tests.support.page_rows import read_page_rows
from tests.support.postgres import copy_of, kept_database
from tests.support.said import opened
from tests.unit.appservices.agency.builders import service_data
from veche.access.approvals import Approvals, rules_of
from veche.access.sessions import Agent, Level, Session
from veche.acts import ActLog
from veche.acts.heads import ActHeads
from veche.acts.witnesses.asking import Witnesses
from veche.messaging.jobs import Job
from veche.protocol.acts import OPENING
from veche.protocol.errors import RefusedError
from veche.protocol.ids import DeviceId, EffectId, EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.prompts import PROMPT_KEY
from veche.runtime.config import ApprovalsSection
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.crypto.attachments import encrypt_file
from veche.runtime.crypto.tracking import pin_encrypted
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.matrix.client import MatrixError
from veche.runtime.matrix.rooms import create_room
from veche.runtime.ports import Undeliverable, Undelivered
from veche.runtime.web.http_client import AnswerTooLargeError
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import Self

    from veche.messaging.jobs import JobHandler
    from veche.protocol.errors import VecheError
    from veche.runtime.database import Cursor
    from veche.runtime.matrix.rooms import RoomPlan

R = TypeVar("R")

SETS: Final = (*KERNEL_SETS, MigrationSet("agency", "appservices.agency"))
ROOT: Final = Path(__file__).parents[4]
EXAMPLE: Final = ROOT / "config/services/birth-certificate-copy.yaml"
PAGES: Final = "https://pages.example.org"
START_MS: Final = 1_764_000_000_000
"""Monday, 24 November 2025, 16:00 UTC."""
HOUR_MS: Final = 3600 * 1000
DAY_MS: Final = 24 * HOUR_MS
JOBS_MAX: Final = 200
JPEG_DATA: Final = b"\xff\xd8\xff\xe0" + b"a photo" * 100

BOT: Final = UserId("@veche_org_lindenau_records:veche.test")
ALICE: Final = UserId("@alice:veche.test")
BOB: Final = UserId("@bob:veche.test")
CAROL: Final = UserId("@carol:veche.test")
DAVE: Final = UserId("@dave:veche.test")
HENRIETTE: Final = UserId("@henriette:veche.test")
IRIS: Final = UserId("@iris:veche.test")
"""An auditor."""
STAFF: Final = (
    {"id": "carol", "user": CAROL, "role": "clerk", "desks": ["archive"]},
    {"id": "dave", "user": DAVE, "role": "clerk", "desks": ["archive"]},
    {
        "id": "henriette",
        "user": HENRIETTE,
        "role": "decision_maker",
        "desks": ["management"],
        "duties": ["head-of-office"],
    },
    {"id": "iris", "user": IRIS, "role": "auditor", "desks": ["archive"]},
)
CHAT: Final = RoomId("!chat:veche.test")


@attrs.frozen
class Said:
    """Something that a bot said or did."""

    room_id: RoomId
    effect: EffectId
    event_id: EventId
    type: str
    state_key: str | None
    redacts: str | None
    relation: Sequence[Any] | None
    content: Mapping[str, Any]
    opening: Mapping[str, Any]

    @property
    def body(self) -> str:
        """Its words; of an edit the new ones."""
        shown = self.content.get("m.new_content", self.content)
        return str(shown.get("body", ""))

    @property
    def is_edit(self) -> bool:
        return self.relation is not None and self.relation[0] == "m.replace"

    @property
    def prompt(self) -> Mapping[str, Any]:
        """What it asks; of the edit of a prompt, how that ended."""
        shown = self.content.get("m.new_content", self.content)
        return cast("Mapping[str, Any]", shown.get(PROMPT_KEY, {}))

    @property
    def thread(self) -> str | None:
        is_in_thread = self.relation is not None and self.relation[0] == "m.thread"
        return str(self.relation[1]) if self.relation and is_in_thread else None


class _Client:
    """The homeserver, as far as jobs ask it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.uploads: list[bytes] = []
        self.stored: dict[str, bytes] = {}
        self.rooms: dict[str, str] = {}
        self.error: MatrixError | None = None
        self.no_download: VecheError | None = None

    async def call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, **_: Any
    ) -> dict[str, Any]:
        self.calls.append((method, path, body or {}))
        if self.error is not None:
            raise self.error
        if path.endswith("/createRoom"):
            alias = str((body or {})["room_alias_name"])
            room = self.rooms.setdefault(alias, f"!room{len(self.rooms) + 1}:veche.test")
            return {"room_id": room}
        return {}

    async def upload(self, data: Any, *, user: UserId, **_: Any) -> str:
        del user
        self.uploads.append(data if isinstance(data, bytes) else data.read())
        mxc = f"mxc://veche.test/{len(self.uploads)}"
        self.stored[mxc] = self.uploads[-1]
        return mxc

    async def download(self, mxc: str, *, bytes_max: int, **_: Any) -> bytes:
        if self.no_download is not None:
            raise self.no_download
        data = self.stored.get(mxc)
        if data is None:
            raise MatrixError(404, {"errcode": "M_NOT_FOUND"})
        if len(data) > bytes_max:
            raise AnswerTooLargeError("too large", retry_after_ms=0)
        return data


class _Pool:
    """Runs at once what would run in a thread."""

    def callInThreadWithCallback(
        self,
        done: Callable[[bool, Any], None],
        work: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        try:
            result = work(*args, **kwargs)
        except Exception:  # noqa: BLE001 -- as the real pool
            done(False, Failure())
        else:
            done(True, result)


class _Reactor:
    def getThreadPool(self) -> _Pool:
        return _Pool()

    def callFromThread(self, work: Any, *args: Any) -> None:
        work(*args)


class FakeHost:
    """What the agency sees of its host."""

    server_name = "veche.test"
    bridges: frozenset[UserId] = frozenset()

    def __init__(self, town: Town) -> None:
        self._town = town
        self.client = _Client()
        self.act_log = ActLog(b"p" * 32)
        nobody: Any = None  # heads are signed when somebody asks for them
        self.witnesses = Witnesses(nobody, nobody, WitnessesSection())
        self.act_heads = ActHeads(self.witnesses, self.server_name, self.seed("acts"))
        self.reactor = _Reactor()
        self.database = self
        self.rooms = self
        self.links: PageLinks | None = None
        self.approvals = self.approvals_with(None)

    async def run(self, name: str, work: Callable[..., R], *args: Any) -> R:
        """As ``Database.run``."""
        del name
        return self._town.run(work, *args)

    def have_pages(self) -> PageLinks:
        """There is a public site from now on."""
        self.links = PageLinks(PAGES)
        self.approvals = self.approvals_with(self.links)
        return self.links

    def approvals_with(self, links: PageLinks | None) -> Approvals:
        """The approvals, of the town's database."""
        database, reactor = cast("Any", self), cast("Any", self.reactor)
        key = self.seed("approvals")
        rules = rules_of(ApprovalsSection())
        return Approvals(database, reactor, self.act_log, links, rules, key=key)

    async def create(
        self, bot: UserId, device: DeviceId, plan: RoomPlan, unique: EffectId
    ) -> RoomId:
        """As ``Rooms.create``."""
        made = await create_room(cast("Any", self.client), bot, device, plan, unique)
        await self.look(bot, made.room_id)
        return made.room_id

    async def look(self, bot: UserId, room_id: RoomId) -> bool:
        """As ``Rooms.look``: rooms that bots make are encrypted, others as the test made them."""
        made = room_id in self.client.rooms.values()
        self._town.seat(room_id, bot, is_encrypted=made)
        return True

    def now_ms(self) -> int:
        return self._town.now_ms

    def seed(self, purpose: str) -> bytes:
        return purpose.encode().ljust(32, b"\0")[:32]

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """Background work is left to the test."""
        del name
        work.close()
        return True

    def at_stop(self, end: Callable[[], Any]) -> None:
        """Nothing of it is open."""

    def device_id(self, bot: UserId) -> DeviceId:
        del bot
        return DeviceId("VECHETEST")


class Town:
    """An organisation with one office, and the people who come to it.

    Attributes:
        now_ms: The moment; a test lets time pass with ``pass_time``.
        said: Everything that left, in order.
    """

    now_ms: int
    said: list[Said]
    _events: int
    _last_seq: int

    def __init__(self, folder: Path) -> None:
        """The office has just opened; there is a database once something asks for it.

        Most tests begin at one of ``MOMENTS``, so the way there is gone once for each process.
        """
        self._folder = folder
        self._place = ExitStack()
        self._dsn: str | None = None
        self.host = FakeHost(self)
        self._go_to(_moment("opened"))
        self.agency = self._first = self._made()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._place.close()

    @property
    def dsn(self) -> str:
        if self._dsn is None:
            self._live_in(self._place.enter_context(copy_of(self._moment.dsn)))
        return str(self._dsn)

    def _live_in(self, dsn: str) -> None:
        self._dsn, self._connection = dsn, connect(dsn)
        self._place.callback(self._connection.close)

    def _go_to(self, moment: Moment) -> None:
        self._moment, memory = moment, pickle.loads(moment.memory)  # noqa: S301 -- ours
        self.now_ms, self.said, self._events, self._last_seq, client = memory
        vars(self.host.client).update(client)

    def _known(self) -> tuple[Any, ...]:
        """What it knows outside of its database."""
        client = vars(self.host.client)
        return self.now_ms, self.said, self._events, self._last_seq, client

    def _is_new(self) -> bool:
        """Whether nothing has happened since it opened."""
        is_as_made = self.agency is self._first and self.host.links is None
        opened = _moment("opened").memory
        return self._dsn is None and is_as_made and self._known() == pickle.loads(opened)  # noqa: S301

    @classmethod
    def first(cls, folder: Path) -> Town:
        """The town that goes all the way itself, in a database that stays."""
        town = cls.__new__(cls)
        town.now_ms, town.said, town._events, town._last_seq = START_MS, [], 0, 0
        town._folder, town._place, town._dsn = folder, ExitStack(), None
        town.host = FakeHost(town)
        town._live_in(kept_database(*SETS))
        town._first = town.opened()
        return town

    def opened(
        self,
        *,
        services: Sequence[Path] = (EXAMPLE,),
        staff: Sequence[Any] = STAFF,
        payments: Mapping[str, str] | None = None,
        seal: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Agency:
        """The agency as a process that starts now has it; takes the place of the one before."""
        self.agency = self._made(services, staff, payments, seal, **more)
        self.wait(self.agency.started())
        self.settle()
        return self.agency

    def _made(
        self,
        services: Sequence[Path] = (EXAMPLE,),
        staff: Sequence[Any] = STAFF,
        payments: Mapping[str, str] | None = None,
        seal: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Agency:
        office = {
            "id": "records",
            "name": {"en": "Records Office", "de": "Standesamt"},
            "services": [str(path) for path in services],
            "staff": list(staff),
            **more,
        }
        organisation: dict[str, Any] = {"id": "lindenau", "name": {"en": "Lindenau"}}
        organisation["deemed_served"] = office.pop("deemed_served", None)
        organisation |= {"offices": [office], "payments": payments, "seal": seal}
        section = AgencySection.model_validate({"organisations": [organisation]})
        return Agency(cast("Any", self.host), section)

    def service_file(self, name: str, **changes: Any) -> Path:
        """A small service in a file of its own."""
        path = self._folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(service_data(service=name, **changes)))
        return path

    # The machinery.

    def run(self, work: Callable[..., R], *args: Any) -> R:
        """One transaction."""
        assert self.dsn
        with self._connection, self._connection.cursor() as txn:
            return work(txn, *args)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of one statement."""

        def work(txn: Cursor) -> list[tuple[Any, ...]]:
            named = values[0] if values and isinstance(values[0], dict) else values
            txn.execute(statement, named)
            return txn.fetchall() if txn.description else []

        return self.run(work)

    def wait(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of a coroutine that waits for nothing."""
        results: list[Any] = []
        done = Deferred.fromCoroutine(work)
        done.addBoth(results.append)
        assert results, "it waits"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return cast("R", results[0])

    def settle(self) -> list[Said]:
        """Do all jobs that are due, and let everything leave; what left."""
        before = len(self.said)
        self._leave()
        for _ in range(JOBS_MAX):
            job = self.next_job()
            if job is None:
                return self.said[before:]
            self.perform(job)
            self._leave()
        raise AssertionError("errands without end")

    def next_job(self) -> Job | None:
        """The first job that is due."""
        rows = self.sql(
            "SELECT errand_id, kind, payload, due_at_ms FROM runtime.errand"
            " WHERE due_at_ms <= %s ORDER BY due_at_ms, errand_id LIMIT 1",
            self.now_ms,
        )
        return Job(EffectId(rows[0][0]), *rows[0][1:]) if rows else None

    def perform(self, job: Job) -> None:
        """Do a job as the runtime does."""
        handler = self._handlers()[job.kind]
        try:
            result = self.wait(handler.perform(job))
            ended = functools.partial(handler.finish, job=job, result=result)
        except RefusedError as e:
            ended = functools.partial(handler.refused, job=job, error=e)

        def finish(txn: Cursor) -> None:
            txn.execute("DELETE FROM runtime.errand WHERE errand_id = %s", (job.id,))
            ended(txn, now_ms=self.now_ms)

        self.run(finish)

    def _handlers(self) -> Mapping[str, JobHandler]:
        """What does the jobs."""
        return self.agency.job_handlers()

    def pass_time(self, ms: int) -> list[Said]:
        """Let time pass, with all clocks that ring meanwhile; what was said."""
        before, until_ms = len(self.said), self.now_ms + ms
        while True:
            rows = self.sql("SELECT min(due_at_ms) FROM runtime.errand")
            due_at_ms = rows[0][0]
            if due_at_ms is None or due_at_ms > until_ms:
                self.now_ms = until_ms
                return self.said[before:]
            self.now_ms = max(self.now_ms, due_at_ms)
            self.settle()

    def _leave(self) -> None:
        rows = self.sql(
            "SELECT seq, room_id, effect_id, event_type, state_key, redacts, relation, content"
            " FROM runtime.outbox WHERE seq > %s AND state = 0 ORDER BY seq",
            self._last_seq,
        )
        for seq, room_id, effect, kind, state_key, redacts, relation, content in rows:
            self._last_seq = seq
            if self._is_sealed(room_id):
                continue
            content = opened(content, b"p" * 32)  # noqa: PLW2901 -- read
            opening = content.pop(OPENING, {})
            event_id = EventId(f"${effect}")
            self.said.append(
                Said(
                    room_id, effect, event_id, kind, state_key, redacts, relation, content, opening
                )
            )
            self.sql(
                "UPDATE runtime.outbox SET state = 2, event_id = %s WHERE effect_id = %s",
                event_id,
                effect,
            )
            if kind == "m.room.member":
                self.seat(room_id, UserId(str(state_key)), content["membership"])

    def _is_sealed(self, room_id: RoomId) -> bool:
        """Whether what is said in a room leaves by a bot's device, and not here."""
        del room_id
        return False

    def seat(
        self,
        room_id: RoomId,
        user_id: UserId,
        membership: str = "join",
        *,
        is_encrypted: bool = False,
    ) -> None:
        """Note who is in a room, as the runtime would."""
        self.sql(
            "INSERT INTO runtime.room (room_id, looked_at_ms) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            room_id,
            self.now_ms,
        )
        if user_id == BOT:
            self.sql(
                "INSERT INTO runtime.room_bot (room_id, bot) VALUES (%s, %s)"
                " ON CONFLICT DO NOTHING",
                room_id,
                BOT,
            )
        self.sql(
            "INSERT INTO runtime.room_member (room_id, user_id, membership) VALUES (%s, %s, %s)"
            " ON CONFLICT (room_id, user_id) DO UPDATE SET membership = EXCLUDED.membership",
            room_id,
            user_id,
            membership,
        )
        if is_encrypted:
            content = {"algorithm": "m.megolm.v1.aes-sha2"}
            self.run(pin_encrypted, room_id, content)

    # The people.

    def begin_chat(
        self,
        person: UserId = ALICE,
        room_id: RoomId = CHAT,
        *,
        is_encrypted: bool = True,
        others: Sequence[UserId] = (),
    ) -> list[Said]:
        """A person makes a room and invites the office; what is said there."""
        for user in (person, *others):
            self.seat(room_id, user, is_encrypted=is_encrypted)
        return self.move(room_id, BOT, "invite", by=person)

    def move(
        self, room_id: RoomId, user_id: UserId, membership: str, *, by: UserId | None = None
    ) -> list[Said]:
        """A member event reaches the office; what is said then."""
        self.seat(room_id, user_id, membership)
        content = {"membership": membership}
        return self.hear(room_id, by or user_id, content, kind="m.room.member", state_key=user_id)

    def hear(
        self,
        room_id: RoomId,
        sender: UserId,
        content: Mapping[str, Any],
        *,
        kind: str = "m.room.message",
        trust: Trust = Trust.VERIFIED,
        standing: DeviceStanding = DeviceStanding.VERIFIED,
        state_key: str | None = None,
    ) -> list[Said]:
        """An event reaches the office; what is said then."""
        self._events += 1
        if trust is Trust.ANY:
            standing = DeviceStanding.NOT_ENCRYPTED
        elif standing is not DeviceStanding.VERIFIED:
            trust = Trust.E2EE
        inbound = Inbound(
            bot=BOT,
            room_id=room_id,
            event_id=EventId(f"$in{self._events}"),
            sender=sender,
            event_type=kind,
            content=content,
            trust=trust,
            standing=standing,
            at_ms=self.now_ms,
            state_key=state_key,
        )
        before = len(self.said)
        self.now_ms += 1_000
        self.run(self.agency.receive, inbound)
        self.settle()
        return self.said[before:]

    def write(
        self,
        room_id: RoomId,
        sender: UserId,
        body: str,
        *,
        to: Said | None = None,
        thread: str | None = None,
        trust: Trust = Trust.VERIFIED,
        standing: DeviceStanding = DeviceStanding.VERIFIED,
        **more: Any,
    ) -> list[Said]:
        """Somebody writes, as a reply to something or in a thread; what is said then."""
        relates: dict[str, Any] = {}
        if thread is not None:
            root = f"${thread}"
            relates = {"rel_type": "m.thread", "event_id": root, "is_falling_back": to is None}
            relates["m.in_reply_to"] = {"event_id": to.event_id if to else root}
        elif to is not None:
            relates = {"m.in_reply_to": {"event_id": to.event_id}}
        content = {"msgtype": "m.text", "body": body, **more}
        if relates:
            content["m.relates_to"] = relates
        return self.hear(room_id, sender, content, trust=trust, standing=standing)

    def press(self, question: Said, sender: UserId, choice: str, **data: Any) -> list[Said]:
        """Somebody answers a prompt with a client that knows us; what is said then."""
        answer: dict[str, Any] = {"v": 1, "prompt": question.prompt["id"], "choice": choice}
        if data:
            answer["data"] = data
        content = {
            "msgtype": "m.text",
            "body": choice,
            "org.veche.answer": answer,
            "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
        }
        return self.hear(question.room_id, sender, content)

    def attached(
        self,
        data: bytes = JPEG_DATA,
        *,
        name: str = "old.jpg",
        mimetype: str = "image/jpeg",
        msgtype: str = "m.image",
        is_encrypted: bool = True,
    ) -> dict[str, Any]:
        """A file that somebody's client has uploaded: the content of its event."""
        stored = self.host.client.stored
        url = f"mxc://veche.test/sent{len(stored)}"
        info = {"mimetype": mimetype, "size": len(data)}
        content: dict[str, Any] = {"msgtype": msgtype, "body": name, "info": info}
        if not is_encrypted:
            stored[url] = data
            return {**content, "url": url}
        stored[url], file = encrypt_file(data)
        return {**content, "file": {**file, "url": url}}

    def react(self, question: Said, sender: UserId, key: str) -> list[Said]:
        """Somebody taps a reaction; what is said then."""
        relates = {"rel_type": "m.annotation", "event_id": question.event_id, "key": key}
        content = {"m.relates_to": relates}
        return self.hear(question.room_id, sender, content, kind="m.reaction", trust=Trust.ANY)

    def lose(self, what: Said, reason: Undeliverable) -> list[Said]:
        """Something that was said never arrives; what is said then."""
        lost = Undelivered(BOT, what.room_id, what.effect, what.type, reason, "")
        before = len(self.said)
        self.run(self.agency.undelivered, lost)
        self.settle()
        return self.said[before:]

    # What they do on pages.

    def visit(
        self,
        work: Callable[[Visit], R],
        person: UserId = ALICE,
        *,
        level: Level = Level.VERIFIED,
        key: str = "key",
        language: str = "en",
    ) -> R:
        """Something that a person does or reads on a page, in one transaction."""
        session = Session(
            id="01J00000000000000000000000",
            person=person,
            level=level,
            language=language,
            agent=Agent(),
            begun_at_ms=self.now_ms,
            used_at_ms=self.now_ms,
            ends_at_ms=self.now_ms + HOUR_MS,
        )

        def page(txn: Cursor) -> R:
            scene = self.agency.offices[BOT].conversation(txn, "page", self.now_ms)
            return work(Visit(scene, session, language, key))

        return self.run(page)

    def hear_pages(self) -> list[Said]:
        """The worker takes what was handed in; what is said then."""
        acts = read_page_rows(self.sql)
        before = len(self.said)
        for act in acts:
            self.now_ms += 1_000
            self.run(self.agency.receive_page, attrs.evolve(act, at_ms=self.now_ms - 1_000))
            self.sql(
                "UPDATE runtime.inbox SET state = 2, event = NULL WHERE event_id = %s",
                act.event_id,
            )
        self.settle()
        return self.said[before:]

    def begin_on_page(self, service: str, person: UserId = ALICE, key: str = "start") -> str:
        """A person begins a service on a page; the id of the case."""

        def work(visit: Visit) -> EventId:
            return start_case(visit, self.agency.offices[BOT].section.services[service])[0]

        event_id = self.visit(work, person, key=key)
        self.hear_pages()
        outcome = self.run(store.page_outcome, event_id)
        assert outcome is not None
        assert outcome.case_id is not None
        return outcome.case_id

    # What one asks of it.

    def desk(self, name: str = "archive") -> RoomId:
        """The room of a desk."""
        [(room_id,)] = self.sql("SELECT room_id FROM agency.desk WHERE desk = %s", name)
        return RoomId(room_id)

    def case(self, person: UserId = ALICE) -> Case:
        """The newest case of a person."""
        rows = self.sql(
            "SELECT case_id, state, room_id, chat_id, desk_effect, clerk, is_unreached"
            " FROM agency.case_file WHERE person = %s ORDER BY opened_at_ms DESC LIMIT 1",
            person,
        )
        return Case(*rows[0])

    def question(self, topic: str, room_id: RoomId | None = None) -> Said:
        """The newest question of a topic that is still open, as it was asked."""
        rows = self.sql(
            "SELECT effect_id FROM runtime.prompt WHERE state = 'open'"
            " AND purpose->>'topic' = %s AND (%s::text IS NULL OR room_id = %s)"
            " ORDER BY seq DESC LIMIT 1",
            topic,
            room_id,
            room_id,
        )
        assert rows, f"nothing about {topic} is asked"
        return next(one for one in self.said if one.effect == rows[0][0])

    def open_topics(self) -> list[str]:
        """Topics of all questions that are open, sorted."""
        rows = self.sql(
            "SELECT purpose->>'topic' FROM runtime.prompt WHERE state = 'open' ORDER BY 1"
        )
        return [topic for (topic,) in rows]

    # The way to where a test begins.

    def greeted(self, person: UserId = ALICE, room_id: RoomId = CHAT) -> Town:
        """A chat in English, with the menu."""
        if self._begins_at("greeted", (person, room_id)):
            return self
        self.begin_chat(person, room_id)
        self.write(room_id, person, "English")
        return self

    def started(self, person: UserId = ALICE, room_id: RoomId = CHAT, pick: str = "1") -> Town:
        """A case whose form is asked."""
        if self._begins_at("started", (person, room_id, pick)):
            return self
        self.greeted(person, room_id)
        self.write(room_id, person, pick)
        self.write(room_id, person, "Start")
        return self

    def submitted(self, person: UserId = ALICE, room_id: RoomId = CHAT) -> Town:
        """A case that the desk has."""
        if self._begins_at("submitted", (person, room_id)):
            return self
        self.started(person, room_id)
        for words in ("Anna Weber", "12 March 2020", "Travel", "skip", "submit"):
            self.write(room_id, person, words)
        own = self.case(person).room_id
        assert own is not None
        self.move(own, person, "join")
        return self

    def claimed(self, clerk: UserId = CAROL) -> Town:
        """A case that a clerk has."""
        if self._begins_at("claimed", (clerk,)):
            return self
        self.submitted()
        self.press(self.question("claim"), clerk, "claim")
        return self

    def _begins_at(self, moment: str, given: tuple[str, ...]) -> bool:
        """Go to a moment at which others have been before; whether one may."""
        if given != MOMENTS[moment] or not self._is_new():
            return False
        self._go_to(_moment(moment))
        return True

    def ask_person(self, text: str, clerk: UserId = CAROL) -> list[Said]:
        """The clerk who has the case asks the person; what is said then."""
        before = len(self.said)
        self.press(self.question("decide"), clerk, "ask_more")
        self.write(self.desk(), clerk, text, thread=self.case().desk_effect)
        self.write(self.desk(), clerk, "submit", thread=self.case().desk_effect)
        return self.said[before:]


@attrs.frozen
class Moment:
    """A town as it is where many tests begin.

    Attributes:
        dsn: Of its database, which nobody uses but to copy it.
        memory: What a town knows outside of that.
    """

    dsn: str
    memory: bytes


MOMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "opened": (),
    "greeted": (ALICE, CHAT),
    "started": (ALICE, CHAT, "1"),
    "submitted": (ALICE, CHAT),
    "claimed": (CAROL,),
}
"""Where tests begin, by the method of a town, and what that is given."""


@functools.cache
def _moment(name: str) -> Moment:
    with tempfile.TemporaryDirectory() as folder, Town.first(Path(folder)) as town:
        if name != "opened":
            getattr(town, name)()
        return Moment(town.dsn, pickle.dumps(town._known()))


@attrs.frozen
class Case:
    """A case as the tables have it."""

    id: str
    state: str
    room_id: RoomId | None
    chat_id: RoomId
    desk_effect: str | None
    clerk: str | None
    is_unreached: bool

    @property
    def room(self) -> RoomId:
        """Its own room."""
        assert self.room_id is not None
        return self.room_id


def words_of(said: Sequence[Said], room_id: RoomId | None = None) -> str:
    """All that was said, in one room or everywhere; edits too."""
    return "\n".join(
        one.body for one in said if one.type == "m.room.message" and room_id in (None, one.room_id)
    )


def new_words(said: Sequence[Said], room_id: RoomId | None = None) -> str:
    """All that was said anew: no edits."""
    return words_of([one for one in said if not one.is_edit], room_id)


def opened_file(ciphertext: bytes, file: Mapping[str, Any]) -> bytes:
    """A file as a client opens it (Matrix spec v1.18 §"Sending encrypted attachments")."""
    key = base64.urlsafe_b64decode(file["key"]["k"] + "=")
    counter = base64.b64decode(file["iv"] + "==")
    digest = hashlib.sha256(ciphertext).digest()
    assert base64.b64encode(digest).decode().rstrip("=") == file["hashes"]["sha256"]
    return Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(ciphertext)


def dumped(value: object) -> str:
    """Anything as JSON, for looking whether it holds something."""
    return json.dumps(value, default=str)
