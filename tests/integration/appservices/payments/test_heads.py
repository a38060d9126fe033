"""Receipts out of blocks, and the heads that are published of them, on a real database."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg2
import psycopg2.errors
import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.trial.unittest import TestCase

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.institutions.routes import API
from appservices.payments.institutions.service.describing import described
from appservices.payments.ledger.core import Result
from appservices.payments.ledger.core.values import ROWS_MAX, Account
from appservices.payments.ledger.service.work import Outcome
from appservices.payments.ledger.store.ledger import PostgresLedger
from appservices.payments.proofs.core.receipts import Fault, ReceiptError, Verified, verify_receipt
from appservices.payments.proofs.routes import WELL_KNOWN, ProofRoutes, WellKnownRoutes
from appservices.payments.proofs.service.heads import Vouched, extended, publish
from appservices.payments.proofs.service.receipts import Receipts, Told
from appservices.payments.witnesses.service import heads_room
from tests.support.ledger import ALICE, BOB, Shard, people, transfer
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S
from tests.support.web import served
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from veche.acts import signed_tree
from veche.acts.signed_tree import ForkedError
from veche.acts.witnesses import store as witness_store
from veche.acts.witnesses.asking import Witnesses
from veche.api import Api
from veche.api.gate import Gate
from veche.protocol.errors import BadSignatureError, NotFoundError, UnavailableError
from veche.protocol.ids import Ulid, hex_of_ulid, ulid
from veche.protocol.money import Money
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import Database, connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.transparency.cosignatures import Cosigned
from veche.transparency.merkle import extends
from veche.transparency.notes import Cosigner, open_checkpoint, read_verifier_key, signer_of
from veche.transparency.witness_proofs import read_witnessed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Connection, Cursor

pytestmark = pytest.mark.postgres

AT_MS: Final = 1_764_000_000_000
RECEIPTS: Final = Receipts("example.org", b"s" * 32)
SIGNER: Final = RECEIPTS.signer
KEYS: Final = (SIGNER.verifier,)
WITNESS: Final = Cosigner("w.example/w1", b"w" * 32)
_SECTION: Final = {"of": [{"key": WITNESS.verifier.to_text(), "url": "https://w.example"}]}
_NOBODY: Final[Any] = None
WITNESSED: Final = Receipts(
    "example.org",
    b"s" * 32,
    Witnesses(_NOBODY, _NOBODY, WitnessesSection.model_validate(_SECTION)),
)


@attrs.frozen
class Bank:
    """A ledger in a database of its own, and a connection to look at it."""

    shard: Shard
    connection: Connection

    @contextmanager
    def txn(self) -> Iterator[Cursor]:
        with self.connection, self.connection.cursor() as cursor:
            yield cursor

    def publish(self) -> bool:
        with self.txn() as txn:
            return publish(txn, SIGNER, AT_MS)

    def shown(self, told: Told, vouched: Vouched) -> Verified:
        """What its receipt proves, with what is published of it."""
        with self.txn() as txn:
            found = vouched.published(txn, told.id).model_dump(mode="json")
            return verify_receipt(RECEIPTS.again(txn, told), [*KEYS, WITNESS.verifier], found)

    def published(self, told: Told) -> dict[str, Any]:
        with self.txn() as txn:
            return RECEIPTS.vouched.published(txn, told.id).model_dump(mode="json")


def cosign(bank: Bank) -> None:
    """A witness signs the newest head."""
    with bank.txn() as txn:
        head, _ = extended(txn, None)
        line = WITNESS.cosign(f"{head.note.partition(chr(10) * 2)[0]}\n", 7)
        origin, key = SIGNER.verifier.name, WITNESS.verifier.to_text()
        witness_store.signed(txn, origin, key, head.size, line, AT_MS)


@pytest.fixture
def bank() -> Iterator[Bank]:
    with (
        database(*KERNEL_SETS, MigrationSet("payments", "appservices.payments")) as dsn,
        closing(connect(dsn)) as reads,
        closing(connect(dsn)) as writes,
        closing(connect(dsn)) as connection,
    ):
        yield Bank(people(Shard(PostgresLedger(0, reads, writes), now_ms=AT_MS)), connection)


def a_told(number: int) -> Told:
    return Told(
        id=ulid(AT_MS, number.to_bytes(10, "big")),
        payment=ulid(AT_MS, (number + 1_000_000).to_bytes(10, "big")),
        payer_ref=RECEIPTS.payer_ref("alice", "bob"),
        payee="Bob",
        amount=Money(minor=1, currency="EUR"),
        reference="rent",
    )


def pay(bank: Bank, *numbers: int) -> list[dict[str, Any]]:
    """Payments of one block; their receipts, made in its transaction."""
    told = [a_told(number) for number in numbers]
    chain = [
        transfer(ALICE, BOB, 1, id=hex_of_ulid(one.id), ref=hex_of_ulid(one.payment))
        for one in told
    ]
    shard = bank.shard
    deciding = shard.decide(chain)
    results = deciding.decide(chain)
    assert set(results) == {Result.CREATED}
    block = shard.seal(deciding)
    made: list[dict[str, Any] | None] = []

    def rider(_: Cursor) -> None:
        outcome = Outcome(results, block.content.at_ms, block.content.rows, block)
        made.extend(RECEIPTS.of(outcome, one) for one in told)

    shard.commit(block, rider)
    return [one for one in made if one is not None]


class TestReceipts:
    def test_each_payment_of_a_block_has_its_receipt_with_the_block(self, bank: Bank) -> None:
        made = pay(bank, *range(1, 21))

        assert len(made) == 20
        for receipt in made:
            assert verify_receipt(receipt, KEYS).published is None

    def test_a_receipt_is_the_same_when_it_is_made_again(self, bank: Bank) -> None:
        made = pay(bank, 1, 2, 3)

        with bank.txn() as txn:
            assert [RECEIPTS.again(txn, a_told(number)) for number in (1, 2, 3)] == made

    def test_made_again_it_shows_the_published_head(self, bank: Bank) -> None:
        [first] = pay(bank, 1)
        bank.publish()

        with bank.txn() as txn:
            again = RECEIPTS.again(txn, a_told(1))

        assert {key: value for key, value in again.items() if key != "unsigned"} == first
        verified = verify_receipt(again, KEYS)
        assert verified.published is not None
        assert verified.published.size == bank.shard.seq

    def test_what_was_recorded_in_an_earlier_block_has_none_from_a_repeat(self) -> None:
        repeat = Outcome([Result.EXISTS], AT_MS, (), None)

        assert RECEIPTS.of(repeat, a_told(1)) is None

    def test_there_is_no_receipt_of_what_never_was(self, bank: Bank) -> None:
        with bank.txn() as txn, pytest.raises(NotFoundError):
            RECEIPTS.again(txn, a_told(99))

    def test_a_payee_knows_a_payer_again_and_two_payees_do_not_agree_on_one(self) -> None:
        ref = RECEIPTS.payer_ref("alice", "bob")

        assert ref == RECEIPTS.payer_ref("alice", "bob")
        assert ref != RECEIPTS.payer_ref("alice", "carol")
        assert ref != RECEIPTS.payer_ref("mallory", "bob")


class TestHeads:
    def test_every_head_begins_with_every_one_before(self, bank: Bank) -> None:
        points = []
        for number in range(1, 12):
            pay(bank, number)
            bank.publish()
            with bank.txn() as txn:
                points.append(open_checkpoint(extended(txn, None)[0].note, KEYS))

        newest = points[-1]
        assert [one.size for one in points] == list(range(3, 14))
        for one in points:
            with bank.txn() as txn:
                path = [decode_base64(part) for part in extended(txn, one.size)[1]]
            assert extends((one.size, one.root), (newest.size, newest.root), path)

    def test_a_head_is_signed_only_if_something_happened(self, bank: Bank) -> None:
        bank.publish()
        bank.publish()

        with bank.txn() as txn:
            txn.execute("SELECT count(*) FROM ledger.checkpoint")
            assert txn.fetchone() == (1,)

    def test_many_blocks_are_added_a_part_at_a_time(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signed_tree, "ENTRIES_MAX", 3)
        made = [receipt for number in range(1, 8) for receipt in pay(bank, number)]

        rounds = [bank.publish() for _ in range(5)]

        assert rounds == [True, True, True, True, False]
        for number, receipt in enumerate(made, 1):
            verified = verify_receipt(receipt, KEYS, bank.published(a_told(number)))
            assert verified.published is not None
            assert verified.published.size == 9

    def test_a_block_that_is_not_published_yet_is_asked_for_again(self, bank: Bank) -> None:
        pay(bank, 1)
        with pytest.raises(UnavailableError) as none:
            bank.published(a_told(1))
        bank.publish()
        pay(bank, 2)
        with pytest.raises(UnavailableError) as early:
            bank.published(a_told(2))

        assert none.value.retry_after_ms == early.value.retry_after_ms == 10_000
        assert bank.published(a_told(1))

    def test_there_is_no_proof_of_what_never_was_and_none_from_a_later_head(
        self, bank: Bank
    ) -> None:
        bank.publish()

        with pytest.raises(NotFoundError):
            bank.published(a_told(7))
        with bank.txn() as txn, pytest.raises(NotFoundError, match="has 2 blocks"):
            extended(txn, 3)

    def test_a_ledger_that_is_not_the_published_one_is_published_no_further(
        self, bank: Bank
    ) -> None:
        [receipt] = pay(bank, 1)
        bank.publish()
        shown = bank.published(a_told(1))
        with bank.txn() as txn:  # as a restore from an old backup would leave it
            txn.execute("ALTER TABLE ledger.block DISABLE TRIGGER USER")
            txn.execute("UPDATE ledger.block SET head = root WHERE seq = 3")

        with pytest.raises(ForkedError, match="another one"):
            bank.publish()
        with bank.txn() as txn:
            txn.execute("DELETE FROM ledger.block WHERE seq = 3")
        with pytest.raises(ForkedError, match="has lost blocks"):
            bank.publish()

        assert verify_receipt(receipt, KEYS, shown).published is not None

    def test_a_receipt_shows_the_newest_head_that_witnesses_signed(self, bank: Bank) -> None:
        """The newest of all only for what they have not seen yet."""
        pay(bank, 1)
        bank.publish()
        cosign(bank)
        pay(bank, 2)
        bank.publish()
        seen, later = (bank.shown(a_told(number), WITNESSED.vouched) for number in (1, 2))
        with bank.txn() as txn:
            head, _ = extended(txn, None)
            beside = WITNESSED.vouched.beside(txn, head.size)

        assert (seen.published, later.published) != (None, None)
        assert seen.cosigned == Cosigned(3, {"w.example/w1": 7})
        assert later.cosigned == Cosigned(4, {})
        assert beside is not None
        newest = open_checkpoint(head.note, KEYS)
        assert read_witnessed(beside, newest, [*KEYS, WITNESS.verifier]) == seen.cosigned

    def test_nothing_that_was_published_is_changed(self, bank: Bank) -> None:
        bank.publish()
        for statement in (
            "UPDATE ledger.checkpoint SET note = ''",
            "DELETE FROM ledger.checkpoint",
            "TRUNCATE ledger.checkpoint",
            "UPDATE ledger.tree_node SET hash = hash",
            "DELETE FROM ledger.tree_node",
            "TRUNCATE ledger.tree_node",
        ):
            with pytest.raises(psycopg2.Error, match="append-only"), bank.txn() as txn:
                txn.execute(statement)

    def test_a_head_of_another_ledger_proves_nothing(self, bank: Bank) -> None:
        [receipt] = pay(bank, 1)
        bank.publish()
        shown = bank.published(a_told(1))
        body = {key: value for key, value in receipt.items() if key != "signatures"}
        block = body["ledger_proof"]["block"]
        body["ledger_proof"]["block"] = {**block, "prev": block["root"]}

        with pytest.raises(ReceiptError) as caught:
            verify_receipt(SIGNER.sign_object(body), KEYS, shown)

        assert caught.value.fault is Fault.NOT_PUBLISHED

    def test_a_full_block_has_proofs_as_well(self, bank: Bank) -> None:
        accounts = [Account(number, 1, 3, salt="f" * 20) for number in range(100, 100 + ROWS_MAX)]
        bank.shard.open(*accounts)
        bank.publish()
        [receipt] = pay(bank, 1)
        bank.publish()

        assert verify_receipt(receipt, KEYS, bank.published(a_told(1))).published is not None


class FakeInstitution:
    def described(self, now_ms: int) -> dict[str, Any]:
        section = PaymentsSection.model_validate(payments_demo.payments_section())
        paths = (API.prefix, "/_veche/peers/v1")
        place: Any = {
            "server": "veche.test",
            "url": "https://veche.test",
            "bot": "@bank:veche.test",
        }
        room = heads_room.address(section, "veche.test")
        return described(
            section, SIGNER, KEYS, paths=paths, heads_room=room, now_ms=now_ms, **place
        )


def proofs() -> Api:
    """The API without the routes of others."""
    found = Api(API.prefix, API.title)
    found.routes = [one for one in API.routes if one.name.startswith(ProofRoutes.__name__)]
    return found


class RouteTests(TestCase):
    """Over HTTP, for somebody who is not signed in."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        scope = database(*KERNEL_SETS, MigrationSet("payments", "appservices.payments"))
        dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        connections = [connect(dsn) for _ in range(3)]
        for one in connections:
            self.addCleanup(one.close)
        reads, writes, connection = connections
        shard = people(Shard(PostgresLedger(0, reads, writes), now_ms=AT_MS))
        self.bank = Bank(shard, connection)
        real: Any = reactor
        self.database = Database(dsn, real)
        self.addCleanup(self.database.close)
        self.gate = Gate(
            self.database, real, FakeSessions(), address_limit=FREE, session_limit=FREE
        )

    async def test_whoever_has_a_receipt_gets_all_they_need_to_check_it(self) -> None:
        [receipt] = pay(self.bank, 1)
        http, url = served(self, proofs().resource(self.gate, ProofRoutes(RECEIPTS.vouched)))
        early = await http.get(f"{url}/proof/{a_told(1).id}")
        assert early.code == 503
        assert (await early.json())["retry_after_ms"] == 10_000
        self.bank.publish()

        answer = await http.get(f"{url}/proof/{a_told(1).id}")
        keys = [read_verifier_key(one) for one in await self.keys()]
        verified = verify_receipt(receipt, keys, await answer.json())

        assert verified.published is not None
        assert answer.headers.getRawHeaders("cache-control") == ["public, max-age=5"]

    async def test_heads_are_given_with_the_proof_that_they_follow(self) -> None:
        self.bank.publish()
        http, url = served(self, proofs().resource(self.gate, ProofRoutes(RECEIPTS.vouched)))
        first = await (await http.get(f"{url}/heads")).json()
        pay(self.bank, 1)
        self.bank.publish()
        then = await (await http.get(f"{url}/heads?after=2")).json()

        old, new = (open_checkpoint(one["checkpoint"], KEYS) for one in (first, then))
        path = [decode_base64(one) for one in then["consistency"]]
        assert (first["consistency"], old.size, new.size) == ([], 2, 3)
        assert extends((2, old.root), (3, new.root), path)

    async def test_what_cannot_be_is_refused(self) -> None:
        self.bank.publish()
        http, url = served(self, proofs().resource(self.gate, ProofRoutes(RECEIPTS.vouched)))
        nobody: Ulid = a_told(99).id
        expected = {
            "/heads?after=0": 400,
            "/heads?after=-1": 400,
            "/heads?after=x": 400,
            "/heads?after=2.5": 400,
            f"/heads?after={2**53}": 400,
            f"/heads?after={2**53 - 1}": 404,
            "/heads?after=3": 404,
            f"/proof/{nobody}": 404,
            f"/proof/{nobody.lower()}": 404,
            "/proof/x": 404,
            "/proof/%27%3B": 404,
            "/proof/": 404,
        }

        found = {path: (await http.get(url + path)).code for path in expected}

        assert found == expected

    async def keys(self) -> list[str]:
        well_known = WELL_KNOWN.resource(self.gate, WellKnownRoutes(FakeInstitution()))
        http, url = served(self, well_known)
        answer = await (await http.get(f"{url}/")).json()
        assert answer["api"] == "/_veche/payments/v1"
        assert answer["heads_room"] == "#veche_ledger:veche.test"
        assert signer_of(answer, KEYS) == SIGNER.verifier.name
        with pytest.raises(BadSignatureError):
            signer_of({**answer, "api": "/_veche/payments/v2"}, KEYS)
        found: list[str] = answer["keys"]
        return found
