"""One site where persons sign: a real database, the real routes and rules, nobody's chats.

What the bot says stays in the outbox, as no homeserver is there to take it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from appservices.signing.authority.core.levels import Level
from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.bot import other_stamps, webhooks_of
from appservices.signing.commands.ca import make_authority
from appservices.signing.config import (
    AnchorSection,
    RegistrarSection,
    SealSection,
    SessionsSection,
    SignerSection,
    SigningSection,
    StampsSection,
)
from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.drafting import Order
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.keys.pool import SigningPool
from appservices.signing.routes import API, routes
from appservices.signing.sessions.core.parties import Role, Stage
from appservices.signing.sessions.core.records import fields_of
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.stamps.service.sealing import Seals, organisation_keys
from tests.support.forgery import page
from tests.support.keys import BrowserKey, Passkey
from tests.support.postgres import database, execute, session
from tests.support.sign_page import API as SIGNING_API
from tests.support.sign_page import SignPage
from tests.support.signing import with_boxes
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from veche.access.approvals import Approvals, Key, KeyKind, Rules, store
from veche.acts import ActLog
from veche.acts.heads import ActHeads
from veche.acts.witnesses.asking import Witnesses
from veche.api.gate import Gate
from veche.messaging.service import BotAccount
from veche.protocol.ids import UserId
from veche.runtime.config.secret_files import write_private
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import Database
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.live import Live
from veche.runtime.vault import Vault
from veche.runtime.web import new_site
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from appservices.signing.papers.core.any_files import AnyFile
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.messaging.webhooks import Webhooks
    from veche.runtime.database import Cursor

reactor: Any = default_reactor
SIGNING: Final = MigrationSet("signing", "appservices.signing")
TOWN_KEY: Final = "k" * 32
ALICE: Final = UserId("@alice:veche.test")
BOB: Final = UserId("@bob:veche.test")
CAROL: Final = UserId("@carol:veche.test")
PDF: Final = page("Lease of flat 12b: 700 EUR a month")
OFFICE: Final = "Citizens' Office of Lindenau"
"""For which Carol may identify people."""
RULES: Final = Rules(key_hold_ms=0, held=frozenset(), small_limits={}, code_limits={})
DAY_MS: Final = 86_400_000
_numbers = itertools.count(1)


class SigningSite(TestCase):
    """A site with an authority, the town's seal, and keys of Alice, Bob and Carol."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-signing-"))
        self.addCleanup(shutil.rmtree, self.folder)
        opened = database(*KERNEL_SETS, SIGNING)
        self.dsn = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        write_private(self.folder / "town", TOWN_KEY)
        self._listen()
        seals = {"town": "Town of Lindenau"}
        now = dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
        make_authority(self.folder / "ca", "Lindenau", self.url, b"a long passphrase", now, seals)
        self._serve()
        self.keys = {person: BrowserKey() for person in (ALICE, BOB, CAROL)}
        self.run_now(self._enrol)

    def _listen(self) -> None:
        """Open the database and a port, behind which there is nothing yet."""
        self.database = self._database()
        self.addCleanup(self.database.close)
        self._port = reactor.listenTCP(0, new_site(Resource(), reactor), interface="127.0.0.1")
        self.addCleanup(self._port.stopListening)
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    def _database(self) -> Database:
        return Database(self.dsn, reactor, threads=4)

    def _serve(self) -> None:
        """Serve the routes."""
        self.pool = pool = SigningPool(reactor)
        self.parts = self._make_parts()
        self.addCleanup(lambda: Deferred.fromCoroutine(pool.close()))
        service = SimpleNamespace(
            host=self.host,
            parts=self.parts,
            authorities=self.parts.authorities,
            seals=self.parts.seals,
            pool=self.pool,
            callers=organisation_keys(self.parts.signing.seals),
            webhooks=webhooks_of(self.parts),
        )
        self.webhooks: Webhooks = service.webhooks
        resource: Any = routes(cast("Any", self.host), service)[API.mount]
        self._port.factory.resource = _at(resource)
        self._port.factory._large_bodies = tuple(resource.large_bodies)

    stamp_hash: Literal["sha256", "sha512"] = "sha256"
    """Of the stamps that close files."""

    def anchors(self) -> list[AnchorSection]:
        """Authorities elsewhere whose certificates are taken."""
        return []

    def providers(self) -> list[SignerSection]:
        """Providers at which people sign on their page."""
        return []

    def stamps(self) -> StampsSection | None:
        """Who stamps what is signed here; None: the site itself."""
        return None

    def former_stamp_roots(self) -> list[Path]:
        """Of those who did before."""
        return []

    def _make_parts(self) -> Parts:
        stamps = self.stamps()
        signing = SigningSection(
            stamps=stamps,
            former_stamp_roots=self.former_stamp_roots(),
            folder=self.folder / "ca",
            stamp_hash=self.stamp_hash,
            seals=[SealSection(id="town", key_paths=[self.folder / "town"])],
            sessions=SessionsSection(
                id="lindenau",
                name={"en": "Signatures"},
                webhook_networks=("127.0.0.0/8",),
                registrars=[RegistrarSection(organisation=OFFICE, persons=[CAROL])],
                anchors=self.anchors(),
                providers=self.providers(),
                list_networks=("127.0.0.0/8",),
            ),
        )
        links, log = PageLinks(self.url), ActLog(b"p" * 32)
        approvals = self.approvals(None)
        self.channels: dict[str, Callable[[str], None]] = {}
        self.ends: list[Callable[[], Awaitable[None]]] = []
        self.host = SimpleNamespace(
            hear=self.channels.__setitem__,
            at_stop=self.ends.append,
            reactor=reactor,
            database=self.database,
            gate=Gate(self.database, reactor, FakeSessions(), address_limit=FREE),
            live=Live(reactor),
            bridges=frozenset(),
            links=links,
            public_url=self.url,
            server_name="veche.test",
            approvals=approvals,
            act_log=log,
            act_heads=ActHeads(
                Witnesses(self.database, reactor, WitnessesSection()), "veche.test", b"h" * 32
            ),
            seed=lambda purpose: purpose.encode().ljust(32, b"!")[:32],
            now_ms=lambda: int(reactor.seconds() * 1000),
        )
        sessions = signing.sessions
        assert sessions is not None
        authorities = read_authorities(
            signing.folder, sessions.anchors, stamps, signing.former_stamp_roots
        )
        others = other_stamps(cast("Any", self.host), stamps, authorities)
        return Parts(
            cast("Any", self.host),
            sessions,
            BotAccount(UserId("@veche_signing:veche.test"), "Signatures", "lindenau"),
            Vault(b"v" * 32),
            signing,
            authorities,
            Seals(authorities, others),
            self.pool,
        )

    def approvals(self, public_url: str | None) -> Approvals:
        """Keys and approvals, with passkeys of an address."""
        links, log = PageLinks(self.url), ActLog(b"p" * 32)
        return Approvals(
            self.database, reactor, log, links, RULES, key=b"a" * 32, public_url=public_url
        )

    async def stop_sending(self) -> None:
        """End what goes on beside the requests."""
        for end in self.ends:
            await end()

    def _enrol(self, txn: Cursor) -> None:
        for person, key in self.keys.items():
            assert store.add_key(txn, kept_key(person, key))

    def run_now(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run a transaction at once, in this thread."""
        with session(self.dsn) as connection, connection, connection.cursor() as txn:
            return work(txn, *args)

    def scene_of(self, txn: Cursor) -> Conversation:
        """A transaction of the bot."""
        return self.parts.conversation(txn, f"test {next(_numbers)}", self.host.now_ms())

    def sent(
        self,
        invited: Sequence[Invited],
        *,
        pdf: bytes = PDF,
        file: AnyFile | None = None,
        **more: Any,
    ) -> Session:
        """A session that was sent; of a PDF, unless there is another file."""

        def work(txn: Cursor) -> Session:
            scene = self.scene_of(txn)
            order = Order(
                requester=CAROL,
                requester_name="Carol Clark",
                title="Lease of flat 12b",
                filename="lease.pdf",
                invited=invited,
                **more,
            )
            session = drafting.make(scene, order)
            if file is not None:
                session = drafting.with_any_file(session, file)
                return drafting.send(scene, drafting.freeze(scene, session, file.data))
            names = [name for one in session.members for name in fields_of(session, one)]
            session = drafting.freeze(scene, session, with_boxes(pdf, names) if names else pdf)
            return drafting.send(scene, session)

        return cast("Session", self.run_now(work))

    def page(self, session: Session, party: str) -> SignPage:
        """The page of a party, by the link of their card."""

        def work(txn: Cursor) -> str | None:
            member = session.member(party)
            assert member is not None
            return self.scene_of(txn).page_of(session, member)

        link = self.run_now(work)
        assert link is not None
        return SignPage.of(link)

    async def away(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do what waits for answers of this process, in a thread."""
        return await deferToThread(work, *args, **kwargs)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = TOWN_KEY,
        once: str = "",
        pdf: bytes | None = None,
        table: str | None = None,
    ) -> tuple[int, Any]:
        """One request of an organisation, by its key; ``pdf`` is any file where such are put."""
        raw = pdf if table is None else table.encode()
        raw_kind = "application/pdf" if table is None else "text/csv"
        if path.endswith("/file/any"):
            raw_kind = "application/octet-stream"

        def ask() -> tuple[int, Any]:
            data = raw if raw is not None else json.dumps(body).encode()
            one = urllib.request.Request(  # noqa: S310 -- ours
                f"{self.url}{SIGNING_API}{path}",
                data=None if body is None and raw is None else data,
                method=method,
            )
            one.add_header("authorization", f"Bearer {key}")
            kind = "application/json" if raw is None else raw_kind
            one.add_header("content-type", kind)
            if once:
                one.add_header("idempotency-key", once)
            try:
                with urllib.request.urlopen(one) as answer:  # noqa: S310
                    content, kind = answer.read(), answer.headers["content-type"]
                    is_json = kind == "application/json"
                    return answer.status, json.loads(content) if is_json else content
            except urllib.error.HTTPError as e:
                with e:
                    return e.code, json.loads(e.read())

        found: tuple[int, Any] = await self.away(ask)
        return found

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        return execute(self.dsn, statement, *values)


def kept_key(person: UserId, key: BrowserKey | Passkey) -> Key:
    """A person's key, as it is kept once they have enrolled it."""
    credential_id = key.credential_id if isinstance(key, Passkey) else None
    return Key(
        id=key.id,
        person=person,
        kind=KeyKind.P256 if credential_id is None else KeyKind.WEBAUTHN,
        public_key=key.public,
        credential_id=credential_id,
        transports=() if credential_id is None else ("internal",),
        sign_count=0,
        label="Laptop",
        created_at_ms=1,
        held_until_ms=1,
    )


def two_signers(*, order: bool = False) -> dict[str, Any]:
    """Alice and Bob; at once, or one after the other."""
    invited = [
        Invited("p1", Role.SIGNER, ALICE, "Alice Adams"),
        Invited("p2", Role.SIGNER, BOB, "Bob Brown"),
    ]
    return {"invited": invited, "stages": [Stage(("p1",)), Stage(("p2",))] if order else []}


def approver(party: str, person: UserId, name: str) -> Invited:
    """Somebody who agrees with their key alone."""
    return Invited(party, Role.APPROVER, person, name, level=Level.APPROVAL)


def _at(resource: Any) -> Resource:
    root = Resource()
    parent: Any = root
    *parts, last = API.mount.encode().split(b"/")
    for one in parts:
        child = Resource()
        parent.putChild(one, child)
        parent = child
    parent.putChild(last, resource)
    return root
