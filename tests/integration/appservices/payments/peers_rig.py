"""Two institutions, each with a database and a ledger of its own; what lies between is the test's.

Nothing of the service is left out but the sockets: questions are signed and read, answers too, and
everything is a transaction of one of the two databases. So a test decides what is lost, what comes
twice, and where somebody ends.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack, closing, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from appservices.payments import demo as payments_demo
from appservices.payments.cases import jobs as setting_aside
from appservices.payments.config import PaymentsSection
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import hash_of
from appservices.payments.institutions.service.client import PeerClient
from appservices.payments.interbank.service import (
    comparing as peers_checking,
)
from appservices.payments.interbank.service import (
    settling as peers_settling,
)
from appservices.payments.interbank.service import (
    taking as peers_taking,
)
from appservices.payments.interbank.service.delivery import Send
from appservices.payments.interbank.service.questions import PeerDesk, PeerRefusedError
from appservices.payments.ledger.service.batch import RiderError
from appservices.payments.ledger.store import attempts
from appservices.payments.paying.service import held, paying
from appservices.payments.peers import store
from appservices.payments.peers.service import peers
from appservices.payments.peers.service.sending import SEND
from appservices.payments.proofs.service import heads
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party
from appservices.payments.witnesses.service import peers as peers_witnessing
from tests.integration.appservices.payments.ledgers import PAYMENTS, opened, problems
from tests.integration.appservices.payments.stage import Stage, StageScene
from tests.support.ledger import Shard
from tests.support.postgres import database, execute
from veche.chat.sending import Sender
from veche.messaging.service import BotAccount
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.money import Money
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from appservices.payments.institutions.api import PeerHead
    from appservices.payments.ledger.service.attempts import Settle
    from veche.runtime.database import Cursor

HERE: Final = "here.test"
THERE: Final = "there.test"
ALICE: Final = UserId("@alice:here.test")
BOB: Final = UserId("@bob:there.test")
NOBODY: Final = UserId("@nobody:there.test")
NOW_MS: Final = 1_790_000_000_000
MONEY: Final = 100_000
LIMIT: Final = 60_000
"""How much one may owe the other, in minor units."""
_NONE: Final = cast("Any", None)
_NAMES: Final = {HERE: "a", THERE: "b"}
_causes = itertools.count(1)


def key_of(server: str, seed: str = "") -> str:
    """The key by which a server's institution signs."""
    name = f"{server}/veche/ledger/v1/0"
    return NoteSigner(name, (seed or _NAMES[server]).encode() * 32).verifier.to_text()


@attrs.define(repr=False)
class Branch(Stage):
    """One of the two.

    Attributes:
        server: Of it.
        connection: In which its transactions are.
    """

    server: str = HERE
    connection: Any = None

    @classmethod
    @contextmanager
    def opened(cls, server: str, other: str, **peer: object) -> Iterator[Branch]:
        """A fresh one, with an agreement with the other, in which its person has money."""
        agreed = {
            "server": other,
            "keys": [key_of(other)],
            "they_owe_max": {"EUR": f"{LIMIT // 100}.00"},
            **peer,
        }
        whole = {
            **payments_demo.payments_section(),
            "peers": [agreed],
            "fees": {"EUR": "0.10"},
            "first_payee_limits": {"EUR": "1000000"},
        }
        section = PaymentsSection.model_validate(whole)
        with ExitStack() as stack:
            dsn = stack.enter_context(database(*KERNEL_SETS, PAYMENTS))
            shard = Shard(stack.enter_context(opened(dsn)), now_ms=NOW_MS)
            connection = stack.enter_context(closing(connect(dsn)))
            branch = cls(dsn, _NONE, shard, server=server, connection=connection)
            bot = BotAccount(UserId(f"@veche_payments:{server}"), "Bank", "bank")
            host = branch.host()
            receipts = Receipts(server, _NAMES[server].encode() * 32)
            client = PeerClient(host, section, receipts.signer)
            vault = Vault(_NAMES[server].encode() * 32)
            branch.parts = Parts(host, section, bot, vault, receipts, _NONE, None, client)
            person = ALICE if server == HERE else BOB
            with branch.scene() as scene:
                holders.keep_currencies(scene.txn, ["EUR"])
                branch.pay(scene, None, person, MONEY)
            branch.write()
            branch.heard.said.clear()
            yield branch
            assert problems(dsn) == []
            assert branch.total() == 0

    def host(self) -> Any:
        """What the service needs of a host that has no sockets."""
        return SimpleNamespace(
            server_name=self.server,
            now_ms=lambda: self.now_ms,
            reactor=None,
            links=None,
            bridges=frozenset(),
            hear=lambda *_: None,
        )

    @contextmanager
    def scene(self) -> Iterator[StageScene]:
        """A transaction, committed at the end."""
        with self.connection, self.connection.cursor() as txn:
            yield self.scene_of(txn, f"cause {next(_causes)}", self.now_ms)

    def write(self) -> None:
        """The writer takes what waits, one after the other."""
        while True:
            with self.scene() as scene:
                waiting = attempts.waiting(scene.txn, [], 10, self.now_ms)
            if not waiting:
                return
            for attempt in waiting:
                try:
                    self._write(attempt)
                except RiderError as e:
                    [cause] = e.causes.values()
                    if not isinstance(cause, UnavailableError):
                        raise
                    with self.scene() as scene:
                        due_at_ms = self.now_ms + cause.retry_after_ms
                        attempts.rest(scene.txn, attempt.id, attempt.failures + 1, due_at_ms)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Of its database."""
        with self.scene() as scene:
            scene.txn.execute(statement, values)
            return list(scene.txn.fetchall())

    def scene_of(self, txn: Cursor, cause: str, now_ms: int) -> StageScene:
        """A transaction of this one's bot."""
        sender = Sender(txn, _NONE, self.parts.bot, cause, now_ms)
        return StageScene(txn, sender, self.parts, self.heard)

    def order(
        self, payer: UserId, payee: UserId, minor: int, refund_of: str | None = None
    ) -> str | None:
        """Somebody asks to pay somebody of the other; the payment's id, None if it is hopeless."""
        self.now_ms += 1
        private = Private(
            Party(payer, "Payer"), Party(payee, "Payee"), "EUR", "rent", RoomId(f"!{payer[1:]}")
        )
        kind = Kind.PAY if refund_of is None else Kind.REFUND
        with self.scene() as scene:
            matter = paying.new(scene, private, minor, kind, refund_of)
            paying.begin(scene, matter)
            kept = files.lock(scene, matter.payment.id)
        return kept.payment.id if kept is not None else None

    def paid_by_key(self, payer: UserId, payee: UserId, minor: int, **more: Any) -> str:
        """The same, approved, and decided by the writer."""
        payment_id = self.order(payer, payee, minor, **more)
        assert payment_id is not None, self.heard.said
        self.answer(payer, "pay")
        self.write()
        return payment_id

    def state(self, payment_id: str) -> str:
        """Where a payment has got to."""
        [(state,)] = self.rows("SELECT state FROM payments.payment WHERE id = %s", payment_id)
        return str(state)

    def peer_state(self, payment_id: str) -> str | None:
        """Where it has got to between the two, on this side."""
        table = "peer_out" if self.server == HERE else "peer_in"
        rows = self.rows(f"SELECT state FROM payments.{table} WHERE id = %s", payment_id)  # noqa: S608 -- constants
        return str(rows[0][0]) if rows else None

    def to_say(self) -> list[tuple[str, str, str]]:
        """What it still has to say: job, payment, kind."""
        rows = self.rows("SELECT errand_id, payload FROM runtime.errand WHERE kind = %s", SEND)
        found: list[tuple[str, str, str]] = []
        for job_id, payload in rows:
            said = cast("dict[str, str]", payload)
            found.append((str(job_id), said["payment"], said["kind"]))
        return sorted(found)

    def ask(self, payment_id: str, kind: str) -> dict[str, Any] | None:
        """The question of a job, signed; None if there is nothing more to say."""
        job: Any = SimpleNamespace(id=f"e{kind}", payload={"payment": payment_id, "kind": kind})
        with self.scene() as scene:
            read = Send(self.staged)._read(scene.txn, job)
        if read is None:
            return None
        client = self.parts.peers
        assert client is not None
        return client.question(read[0], kind, read[1])

    def take(self, message: Mapping[str, Any], *, is_here: bool = True) -> dict[str, Any]:
        """A question comes; the answer as it stands once this transaction is over.

        Raises:
            PeerRefusedError: It is no question of an institution that there is an agreement with.
        """
        desk = PeerDesk(self.parts)
        peer, question = desk.read(message)
        with self.scene() as scene:
            said = desk.take_in(scene, peer, question, message, is_here)
        return desk.signed(peer, said, hash_of(message))

    def hear_answer(
        self, question: Mapping[str, Any], message: Mapping[str, Any], job_id: str
    ) -> bool:
        """An answer comes; whether it counts, so that the job is done."""
        client, section = self.parts.peers, self.parts.section
        peer = section.peer(str(question["asked"]))
        assert client is not None
        assert peer is not None
        answer = client.read(peer, message, hash_of(question))
        kind = str(question["kind"])
        payment_id = question["packet"]["id"] if kind == "prepare" else question["id"]
        job: Any = SimpleNamespace(id=job_id, payload={"payment": payment_id, "kind": kind})
        send = Send(self.staged)
        if answer.state == "busy":
            return False
        with self.scene() as scene:
            read = send._read(scene.txn, job)
        amount = read[2] if read is not None else Money(minor=0, currency="EUR")
        if not send._counts(peer.server, job, answer, amount):
            with self.scene() as scene:
                send._fault(scene.txn, job, peer.server, message)
            return False
        with self.scene() as scene:
            scene.txn.execute("DELETE FROM runtime.errand WHERE errand_id = %s", (job_id,))
            if scene.txn.rowcount:
                send.finish(scene.txn, job, {"answer": dict(message)}, self.now_ms)
        return True

    def ring_payment(self, payment_id: str) -> None:
        """The clock of a payment rings."""
        with self.scene() as scene:
            matter = files.lock(scene, payment_id)
            if matter is not None:
                paying.fire_timer(scene, matter)

    def receipt(self, payment_id: str) -> dict[str, Any]:
        """The receipt of a payment, as this one's ledger has it."""
        with self.scene() as scene:
            return peers_taking.receipt_of(scene, payment_id)

    def evidence(self, payment_id: str) -> dict[str, Any]:
        """What the other signed of a payment."""
        table = "peer_out" if self.server == HERE else "peer_in"
        [(sealed,)] = self.rows(
            f"SELECT sealed FROM payments.{table} WHERE id = %s",  # noqa: S608 -- constants
            payment_id,
        )
        return self.parts.vault.open(bytes(cast("Any", sealed)))

    def signed(self, kind: str, **more: object) -> dict[str, Any]:
        """A question of this one, whatever it says."""
        client = self.parts.peers
        assert client is not None
        other = THERE if self.server == HERE else HERE
        return client.question(other, kind, more)

    def resigned(self, message: Mapping[str, Any], **more: object) -> dict[str, Any]:
        """A message of this one with something else in it, signed anew."""
        body = {name: one for name, one in message.items() if name != "signatures"}
        return self.parts.receipts.signer.sign_object({**body, **more})

    def limit(self, **more: object) -> None:
        """Its operator writes other limits for the other."""
        [peer] = self.parts.section.peers
        changed = attrs.evolve(
            self.parts,
            section=self.parts.section.model_copy(update={"peers": [peer.model_copy(update=more)]}),
        )
        self.parts = changed

    def settle(self, kind: str, minor: int) -> None:
        """An operator has something settled."""
        other = THERE if self.server == HERE else HERE
        if minor:
            with self.scene() as scene:
                money = Money(minor=minor, currency="EUR")
                peers_settling.settle(scene, other, kind, money, "by bank")
            self.write()

    def compared(self, other: Branch) -> tuple[int, int]:
        """What is not explained of what this one pays the other, and is paid."""
        with other.scene() as scene:
            told = peers_checking.statement(scene, self.server, "EUR")
        assert told is not None
        with self.scene() as scene:
            peers_checking.keep(scene, other.server, told)
            checks = store.checks(scene.txn, peers.institution(scene, other.server).id)
        return checks["EUR"].ours_minor, checks["EUR"].theirs_minor

    def publish(self) -> None:
        """Its newest head is signed."""
        with self.scene() as scene:
            heads.publish(scene.txn, self.parts.receipts.signer, self.now_ms)

    def witnesses(self, other: Branch, shown: PeerHead | None = None) -> store.Witnessed | None:
        """The other shows its newest head, or what a test has it show; what is kept of it then."""
        [peer] = self.parts.section.peers
        with self.scene() as scene:
            after = peers_witnessing.known_size(scene, other.server)
        with other.scene() as scene:
            told = shown or peers_witnessing.newest(scene, after)
        assert told is not None
        with self.scene() as scene:
            peers_witnessing.witness(scene, peer, told, {"head": told.model_dump(mode="json")})
            return store.head(scene.txn, peers.institution(scene, other.server).id)

    def faults(self) -> list[str]:
        """What the other said against its own word."""
        rows = self.rows("SELECT what FROM payments.peer_fault ORDER BY n")
        return [str(what) for (what,) in rows]

    def owed(self) -> tuple[int, int]:
        """What the other owes this one, and this one the other, with what is set aside."""
        other = THERE if self.server == HERE else HERE
        with self.scene() as scene:
            found = store.owed(scene.txn, peers.institution(scene, other).id)
        return (found[0].they_owe_minor, found[0].we_owe_minor) if found else (0, 0)

    @property
    def staged(self) -> Any:
        """Parts whose scenes are of the stage."""
        return SimpleNamespace(
            conversation=self.scene_of,
            host=self.parts.host,
            section=self.parts.section,
            peers=self.parts.peers,
            bot=self.parts.bot,
        )

    def settles(self) -> dict[str, Settle]:
        """By kind of attempt: what follows from the writer's answer."""
        return {
            "payment": self._settle_payment,
            **setting_aside.settles(self.staged),
            **held.settles(self.staged),
            **peers_taking.settles(self.staged),
            **peers_settling.settles(self.staged),
        }

    @property
    def expired(self) -> Any:
        """What is told of holds that end by themselves."""
        return held.expired


@contextmanager
def two(**peer: object) -> Iterator[tuple[Branch, Branch]]:
    """The institution of Alice, and that of Bob."""
    with Branch.opened(HERE, THERE, **peer) as here, Branch.opened(THERE, HERE) as there:
        yield here, there


def exchange(asker: Branch, other: Branch, *, turns: int = 6) -> None:
    """Let everything that is to be said be said, until both rest."""
    for _ in range(turns):
        asker.write()
        other.write()
        waiting = asker.to_say()
        if not waiting:
            return
        for job_id, payment_id, kind in waiting:
            question = asker.ask(payment_id, kind)
            if question is None:
                drop(asker, job_id)
                continue
            other.take(question)
            other.write()
            asker.hear_answer(question, other.take(question), job_id)
            asker.write()
    assert asker.to_say() == []


def drop(branch: Branch, job_id: str) -> None:
    """A job that has nothing more to say is done."""
    execute(branch.dsn, "DELETE FROM runtime.errand WHERE errand_id = %s", job_id)


__all__ = ["PeerRefusedError"]
