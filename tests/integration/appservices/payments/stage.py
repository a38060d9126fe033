"""Escrows and disputes on a real database and ledger; what is said and asked is kept in memory."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from appservices.payments import demo as payments_demo
from appservices.payments.cases import jobs as setting_aside
from appservices.payments.chats.service import refunds as refunding
from appservices.payments.chats.service.chats import ANSWERS
from appservices.payments.config import PaymentsSection
from appservices.payments.conversation.service.conversation import Conversation, Parts
from appservices.payments.disputes.service import orders as dispute_orders
from appservices.payments.escrows.service import orders as escrow_orders
from appservices.payments.holders import store as holders
from appservices.payments.ledger.service.attempts import revoked_of
from appservices.payments.ledger.service.batch import Link, decide, ride
from appservices.payments.ledger.service.work import Entry, Outcome, Work
from appservices.payments.ledger.store import attempts
from appservices.payments.paying.service import settling
from appservices.payments.postings.service import moving
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party, number_of
from tests.integration.appservices.payments.ledgers import PAYMENTS, opened, problems
from tests.support.ledger import Shard
from tests.support.postgres import database, execute, session
from tests.support.stored_keys import StoredApprovals
from veche.acts import ActLog
from veche.chat.sending import Ground, Sender
from veche.messaging.service import BotAccount
from veche.protocol.ids import EffectId, RoomId, UserId
from veche.protocol.message import body
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from veche.chat.prompts import Answered
    from veche.chat.sending import Ground
    from veche.protocol.approval import AskedApproval, Shown
    from veche.protocol.approval import Kind as ApprovalKind
    from veche.protocol.message import Doc
    from veche.protocol.prompts import Prompt
    from veche.runtime.database import Cursor

ALICE: Final = UserId("@alice:veche.test")
BOB: Final = UserId("@bob:veche.test")
CAROL: Final = UserId("@carol:veche.test")
CLERK: Final = UserId("@clerk:veche.test")
NOW_MS: Final = 1_790_000_000_000
DAY_MS: Final = 86_400_000
MONEY: Final = 100_000
"""What Alice and Bob begin with, in minor units."""
_BOT: Final = BotAccount(UserId("@veche_payments:veche.test"), "Bank", "bank")
_NONE: Final = cast("Any", None)
_causes = itertools.count(1)


@attrs.define
class Heard:
    """What was said and asked.

    Attributes:
        said: To whom, and the words.
        asked: By person, the last question: its prompt and what it is about.
        settled: What a question shows after its answer.
        signed: What stood to be signed, by nonce.
        files: What was said besides, by room.
        invited: Who was let in where.
    """

    said: list[tuple[UserId, str]] = attrs.field(factory=list)
    asked: dict[UserId, tuple[Prompt, Mapping[str, str]]] = attrs.field(factory=dict)
    settled: list[str] = attrs.field(factory=list)
    signed: dict[str, Shown] = attrs.field(factory=dict)
    files: list[tuple[RoomId, Mapping[str, Any]]] = attrs.field(factory=list)
    invited: list[tuple[RoomId, UserId]] = attrs.field(factory=list)


class _Voice(Sender):
    """What it says stays here."""

    heard: Heard

    def say(self, room_id: RoomId, content: Mapping[str, Any], *_: Any, **__: Any) -> Any:
        self.heard.files.append((room_id, content))
        return EffectId(f"said {len(self.heard.files)}")

    def set_membership(
        self, room_id: RoomId, user_id: UserId, membership: str, ground: Ground
    ) -> None:
        assert (membership, ground.person) == ("invite", user_id)
        self.heard.invited.append((room_id, user_id))


class _Approvals(StoredApprovals):
    """Keys of persons in tables; what stood to be signed is kept."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def asked(
        self, sender: Sender, person: UserId, kind: ApprovalKind, shown: Shown
    ) -> AskedApproval:
        self._heard.signed[str(len(self._heard.signed))] = shown
        return super().asked(sender, person, kind, shown)


@attrs.frozen
class StageScene(Conversation):
    """A transaction in which everybody has a chat, and nothing leaves the process."""

    heard: Heard

    @property
    def approvals(self) -> Any:
        return _Approvals(self.heard)

    def chat_of(self, person: UserId, *, is_greeted: bool = True) -> RoomId | None:
        assert is_greeted
        return RoomId(f"!{person[1:]}")

    def tell(self, room_id: RoomId, person: UserId, doc: Doc, **_: Any) -> EffectId:
        assert room_id
        self.heard.said.append((person, body(doc)))
        return EffectId(f"said {len(self.heard.said)}")

    def ask(
        self, room_id: RoomId, person: UserId, prompt: Prompt, intro: Doc, **more: Any
    ) -> EffectId:
        self.heard.asked[person] = (prompt, more["purpose"])
        return self.tell(room_id, person, intro)

    def settle(self, answered: Answered, words: str, ground: Ground | None = None) -> bool:
        assert answered
        assert ground is None
        self.heard.settled.append(words)
        return True

    def close(self, about: str, person: UserId, words: str) -> None:
        assert about
        assert words
        self.heard.asked.pop(person, None)


@attrs.define(repr=False)
class Stage:
    """A bank with a ledger of its own.

    Attributes:
        dsn: Of its database.
        heard: What was said and asked.
        now_ms: The moment; tests move it.
    """

    dsn: str
    parts: Parts
    shard: Shard
    heard: Heard = attrs.field(factory=Heard)
    now_ms: int = NOW_MS

    def __repr__(self) -> str:
        """In a few words, for failures."""
        return f"<Stage at {self.now_ms}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """As hypothesis shows it."""
        printer.text(repr(self))

    @classmethod
    @contextmanager
    def running(cls, **section: object) -> Iterator[Stage]:
        """A fresh one, in which Alice and Bob have money."""
        whole = {**payments_demo.payments_section(), "dispute_desk": [CLERK], **section}
        parts = Parts(
            _NONE,
            PaymentsSection.model_validate(whole),
            _BOT,
            Vault(b"k" * 32),
            Receipts("veche.test", b"s" * 32),
            _NONE,
        )
        with ExitStack() as stack:
            dsn = stack.enter_context(database(*KERNEL_SETS, PAYMENTS))
            shard = Shard(stack.enter_context(opened(dsn)), now_ms=NOW_MS)
            stage = cls(dsn, parts, shard)
            with stage.scene() as scene:
                holders.keep_currencies(scene.txn, ["EUR"])
                for person in (ALICE, BOB):
                    stage.pay(scene, None, person, MONEY)
            stage.write()
            stage.heard.said.clear()
            yield stage
            assert problems(dsn) == []
            assert stage.total() == 0

    @contextmanager
    def scene(self) -> Iterator[StageScene]:
        """A transaction, committed at the end."""
        with session(self.dsn) as connection, connection.cursor() as txn:
            yield self.scene_of(txn, f"cause {next(_causes)}", self.now_ms)
            connection.commit()

    def scene_of(self, txn: Cursor, cause: str, now_ms: int) -> StageScene:
        sender = _Voice(txn, ActLog(bytes(32)), _BOT, cause, now_ms)
        sender.heard = self.heard
        return StageScene(txn, sender, self.parts, self.heard)

    def pay(
        self,
        scene: Conversation,
        payer: UserId | None,
        payee: str,
        minor: int,
        kind: Kind = Kind.PAY,
    ) -> str:
        """Have a person or an organisation paid, by somebody or out of nothing; its id."""
        is_person = payee.startswith("@")
        payee_holder = scene.holder(UserId(payee)) if is_person else scene.organisation(payee)
        source = scene.institution() if payer is None else scene.holder(payer)
        payment = Payment(
            id=scene.sender.fresh_ulid("payment"),
            kind=Kind.ISSUE if payer is None else kind,
            state=State.PAYING,
            payer=source.id,
            payee=payee_holder.id,
            ledger=holders.currencies(scene.txn)["EUR"],
            amount_minor=minor,
            fee_minor=0,
            asked_at_ms=self.now_ms,
            approved_by=f"paid {next(_causes)}",
        )
        party = Party(payer or _BOT.user_id, "Alice" if payer else "Bank")
        private = Private(party, Party(payee, "Bob"), "EUR", "bicycle")
        assert files.add(scene, payment, private)
        moving.attempt(scene, payment)
        return payment.id

    def paid(self, minor: int, kind: Kind = Kind.PAY) -> str:
        """Alice pays Bob; the number of the payment."""
        with self.scene() as scene:
            payment_id = self.pay(scene, ALICE, BOB, minor, kind)
        self.write()
        return number_of(payment_id)

    def say(self, person: UserId, command: str, argument: str) -> None:
        """Somebody writes a command; names of profiles are found at once."""
        order = {
            "escrow": escrow_orders.order,
            "dispute": dispute_orders.order,
            "refund": refunding.order,
        }[command]
        inbound = SimpleNamespace(
            sender=person, room_id=RoomId(f"!{person[1:]}"), event_id=f"$said{next(_causes)}"
        )
        # So that the newest one has the highest id.
        self.now_ms += 1
        with self.scene() as scene:
            order(scene, cast("Any", inbound), argument)
        self._look_up()

    def answer(self, person: UserId, choice: str) -> str:
        """Somebody answers their last question, with their key; what it shows then."""
        with self.scene() as scene:
            self.answer_in(scene, person, choice)
        return self.heard.settled[-1] if self.heard.settled else ""

    def answer_in(self, scene: Conversation, person: UserId, choice: str) -> None:
        """The same in a transaction of its own."""
        prompt, purpose = self.heard.asked[person]
        assert prompt.choice(choice) is not None, [one.id for one in prompt.choices]
        nonce = _Approvals(self.heard).approve(
            scene.txn, person, self.now_ms, f"{self.now_ms} {next(_causes)}"
        )
        answered: Any = SimpleNamespace(
            kept=SimpleNamespace(purpose=purpose),
            inbound=SimpleNamespace(sender=person, room_id=RoomId(f"!{person[1:]}")),
            chosen=SimpleNamespace(choice=choice, approved_by=nonce),
        )
        ANSWERS[purpose["topic"]](scene, answered)

    def ring(self, fire_timer: Callable[[Conversation, str], None], id_: str) -> None:
        """A clock rings."""
        with self.scene() as scene:
            fire_timer(scene, id_)

    def write(self) -> None:
        """The writer takes what waits, one after the other."""
        while True:
            with session(self.dsn) as connection, connection.cursor() as txn:
                waiting = attempts.waiting(txn, [], 10)
                revoked = revoked_of(txn, waiting)
            if not waiting:
                return
            for attempt in waiting:
                if attempt.id in revoked:
                    self._refuse(attempt)
                else:
                    self._write(attempt)

    def balance(self, person: UserId) -> tuple[int, int]:
        """What somebody can pay with, and what is set aside."""
        with self.scene() as scene:
            [row] = holders.balances(scene.txn, scene.holder(person).id, 1)
        return row.available_minor, row.held_minor

    def total(self) -> object:
        """What is owed to all less what all have: nothing was made or lost."""
        [(total,)] = execute(
            self.dsn, "SELECT sum(credits_posted - debits_posted) FROM ledger.account"
        )
        return total

    def holds(self) -> object:
        """How much is set aside in the ledger."""
        [(minor,)] = execute(self.dsn, "SELECT coalesce(sum(amount), 0) FROM ledger.hold")
        return minor

    def row(self, table: str) -> dict[str, Any]:
        """The newest row of an escrow or a dispute."""
        columns = "id, state, why, to_seller, due_at_ms, ends_at_ms, payment_id"
        if table == "dispute":
            columns = "id, state, held, given, ended_by, due_at_ms, hold_ends_at_ms, refund_id"
        [values] = execute(
            self.dsn,
            f"SELECT {columns} FROM payments.{table} ORDER BY id DESC LIMIT 1",  # noqa: S608 -- constants
        )
        return dict(zip(columns.split(", "), values, strict=True))

    def even_out(self) -> None:
        """Give Alice and Bob what they began with, of each other's."""
        with self.scene() as scene:
            extra = self.balance(BOB)[0] - MONEY
            if extra:
                payer, payee = (BOB, ALICE) if extra > 0 else (ALICE, BOB)
                self.pay(scene, payer, payee, abs(extra))
        self.write()

    def told(self, person: UserId) -> list[str]:
        """What somebody was told."""
        return [words for to, words in self.heard.said if to == person]

    def _look_up(self) -> None:
        kind = escrow_orders.LOOK_UP
        rows = execute(
            self.dsn,
            "DELETE FROM runtime.errand WHERE kind = %s RETURNING errand_id, payload",
            kind,
        )
        for job_id, payload in rows:
            wanted = cast("dict[str, Any]", payload)
            names = [one[1:].partition(":")[0].title() for one in wanted["persons"]]
            job: Any = SimpleNamespace(id=job_id, payload=wanted)
            handler = escrow_orders.LookUp(cast("Any", _Staged(self)))
            with self.scene() as scene:
                handler.finish(scene.txn, job, {"names": names}, self.now_ms)

    def settles(self) -> dict[str, Settle]:
        """By kind of attempt: what follows from the writer's answer."""
        staged = cast("Any", _Staged(self))
        return {moving.KIND: self._settle_payment, **setting_aside.settles(staged)}

    @property
    def expired(self) -> Any:
        """What is told of holds that end by themselves."""
        return None

    def _rider(self, attempt: Attempt) -> Callable[[Cursor, Outcome], None]:
        settle = self.settles()[attempt.kind]

        def rider(txn: Cursor, outcome: Outcome) -> None:
            assert attempts.remove(txn, attempt.id)
            settle(txn, attempt, outcome)

        return rider

    def _refuse(self, attempt: Attempt) -> None:
        """Settle an attempt that a revoked key approved, as the service does."""
        with self.scene() as scene:
            outcome = Outcome((), self.now_ms, (), None, is_revoked=True)
            self._rider(attempt)(scene.txn, outcome)

    def _write(self, attempt: Attempt) -> None:
        shard = self.shard
        size = len(attempt.chain) + len(attempt.accounts)
        entry = Entry(1, Work(attempt.chain, self._rider(attempt), attempt.accounts), size)
        before = Link(0, shard.epoch, shard.seq, shard.head)
        batch = decide(shard.book, cast("Any", shard.store), [entry], before, self.now_ms)
        if batch.block is not None:
            shard.commit(batch.block, partial(ride, batch, self.expired))
            return
        with self.scene() as scene:
            ride(batch, self.expired, scene.txn)

    def _settle_payment(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        scene = self.scene_of(txn, f"attempt {attempt.about}", outcome.at_ms)
        settling.settle(scene, attempt.about, outcome)


class _Staged:
    """Parts whose scenes are of the stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def conversation(self, txn: Cursor, cause: str, now_ms: int) -> StageScene:
        return self._stage.scene_of(txn, cause, now_ms)
