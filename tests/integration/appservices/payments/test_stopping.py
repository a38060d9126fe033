"""Who stops something stops it, also while it is just being made: real locks of PostgreSQL."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from appservices.payments.banks.service import BankNews, NewsKind
from appservices.payments.banks.service.suspense import DECIDED
from appservices.payments.banks.store import suspense
from appservices.payments.conversation.core.commands import FREEZE
from appservices.payments.conversation.service.conversation import Conversation
from appservices.payments.holders import store as holders
from appservices.payments.invoices.store import invoices
from appservices.payments.ledger.store import attempts
from appservices.payments.mandates import store as mandates
from appservices.payments.mandates.core.mandate import MandateState
from appservices.payments.mandates.core.order import ChargeOrder
from appservices.payments.mandates.service import debits as charges
from appservices.payments.postings.service import moving
from appservices.payments.safeguards.service import freezing
from appservices.payments.topups.service import news as bank_news
from appservices.payments.transfers.core.payment import Kind, State
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.store import payments as store
from tests.integration.appservices.payments.scenes import (
    ALICE,
    BOB,
    EURO,
    NOW_MS,
    bank,
    told,
    world,
)
from tests.integration.appservices.payments.trust import allowance, with_keys
from tests.support.postgres import execute, waiting_count
from tests.support.processes import TIMEOUT_S, wait_until
from veche.protocol.commands import ParsedCommand
from veche.protocol.ids import EffectId, derived_ulid
from veche.protocol.message import body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


@attrs.frozen
class Talk(Conversation):
    """A scene that keeps what is said in it."""

    said: list[str]

    def tell(self, *about: Any, **_: Any) -> EffectId:
        """Keep it."""
        self.said.append(body(about[2]))
        return EffectId("said")


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with bank() as dsn:
        yield dsn


@pytest.fixture
def dsn(place: str) -> Iterator[str]:
    """The bank's database, in which nobody has stopped anything."""
    yield place
    execute(place, "UPDATE payments.holder SET frozen_at_ms = NULL")


@contextmanager
def beside(dsn: str, deed: Callable[[Conversation], None]) -> Iterator[None]:
    """Do something in another transaction, which has to wait for ours; it ends at the end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with world(dsn) as there:
                deed(there.scene)
        except BaseException as e:  # noqa: BLE001 -- told below
            errors.append(e)

    def is_waiting() -> bool:
        return not thread.is_alive() or bool(waiting_count(dsn))

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(is_waiting, TIMEOUT_S, "it does not wait")
    assert errors or thread.is_alive(), "it did not wait"
    yield
    thread.join()
    assert errors == []


def freeze(scene: Conversation) -> None:
    freezing.freeze(scene, ALICE)


def end_of(dsn: str, matter: OpenPayment) -> tuple[object, ...]:
    """State of a payment, why, and whether the writer is still to make it."""
    [row] = execute(
        dsn,
        "SELECT state, why, EXISTS (SELECT FROM payments.attempt WHERE about = p.id)"
        " FROM payments.payment AS p WHERE id = %s",
        matter.payment.id,
    )
    return row


def test_a_freeze_stops_what_was_approved_while_it_waited(dsn: str) -> None:
    with world(dsn) as approving:
        alice = approving.scene.holder(ALICE)
        approving.connection.commit()
        holders.lock_holder(approving.scene.txn, alice.id)
        with beside(dsn, freeze):
            matter = approving.paying()
            approving.connection.commit()

    assert end_of(dsn, matter) == ("refused", "frozen", False)


def test_a_revocation_stops_what_fell_due_while_it_waited(dsn: str) -> None:
    with world(dsn) as charging:
        mandate = charging.mandate()
        charging.connection.commit()
        holders.lock_holder(charging.scene.txn, charging.scene.holder(ALICE).id)
        with beside(dsn, lambda scene: charges.take_back(scene, mandate, is_ended=False)):
            matter = charging.charge(mandate)
            charges.fire_timer(charging.scene, matter)
            charging.connection.commit()

    assert end_of(dsn, matter) == ("refused", "not_active", False)
    used = "SELECT used FROM payments.mandate_period WHERE mandate_id = %s"
    assert execute(dsn, used, mandate) == [(0,)]


def test_a_freeze_and_a_block_with_two_payments_do_not_wait_for_one_another(dsn: str) -> None:
    with world(dsn) as block:
        txn, matters = block.scene.txn, [block.paying(), block.paying()]
        first, second = (one.payment for one in matters)
        block.connection.commit()
        # The older attempt is now the later one in the table's file.
        txn.execute("UPDATE payments.attempt SET at_ms = 1 WHERE about = %s", (first.id,))
        block.connection.commit()
        txn.execute("SELECT about, id FROM payments.attempt")
        ids = dict(txn.fetchall())
        assert attempts.remove(txn, ids[first.id])
        holders.lock_holder(txn, first.payer)
        with beside(dsn, freeze):
            assert attempts.remove(txn, ids[second.id])
            block.connection.commit()

    assert [end_of(dsn, one) for one in matters] == [("paying", None, False)] * 2


def test_a_freeze_does_not_wait_for_what_a_block_took_while_it_waited_itself(dsn: str) -> None:
    def soon(scene: Conversation) -> None:
        scene.txn.execute("SELECT set_config('lock_timeout', %s, true)", (f"{TIMEOUT_S}s",))
        freeze(scene)

    with world(dsn) as busy, world(dsn) as block:
        holders.lock_holder(busy.scene.txn, busy.scene.holder(ALICE).id)
        with beside(dsn, soon):
            matter = block.paying()
            block.connection.commit()
            [(attempt_id,)] = execute(
                dsn, "SELECT id FROM payments.attempt WHERE about = %s", matter.payment.id
            )
            assert attempts.remove(block.scene.txn, int(str(attempt_id)))
            busy.connection.commit()

    assert end_of(dsn, matter) == ("paying", None, False)


def test_a_freeze_leaves_what_is_booked_again_after_a_restore(dsn: str) -> None:
    with world(dsn) as here:
        given = here.approved()
        matter = here.asked(state=State.PAYING, approved_by=given, instruction=authority.RESTORED)
        moving.attempt(here.scene, matter.payment)
        freeze(here.scene)

    assert end_of(dsn, matter) == ("paying", None, True)


@pytest.mark.parametrize("who", [ALICE, BOB])
def test_a_freeze_stops_what_a_block_had_in_its_hands_and_did_not_make(
    dsn: str, who: UserId
) -> None:
    with world(dsn) as block:
        txn = block.scene.txn
        # What Bob stops he pays from Alice's account.
        by = allowance(block).id if who == BOB else None
        matter = block.asked(state=State.PAYING, allowance_id=by, approved_by=block.approved())
        moving.attempt(block.scene, matter.payment)
        block.connection.commit()
        txn.execute(
            "SELECT FROM payments.attempt WHERE about = %s FOR UPDATE", (matter.payment.id,)
        )
        with beside(dsn, lambda scene: _freeze(scene, who)):
            block.connection.rollback()

    assert (end_of(dsn, matter)[0], end_of(dsn, matter)[2]) == ("refused", False)


def _freeze(scene: Conversation, who: UserId) -> None:
    freezing.freeze(scene, who, may_end=False)


def test_nothing_is_debited_by_a_mandate_of_who_stopped_everything(dsn: str) -> None:
    with world(dsn) as here:
        freeze(here.scene)
        # Given after that.
        matter = here.charge(here.mandate())
        charges.fire_timer(here.scene, matter)

    assert end_of(dsn, matter) == ("refused", "not_active", False)


def test_no_debit_of_which_the_payer_was_not_told_passes(dsn: str) -> None:
    with world(dsn) as here:
        txn, mandate = here.scene.txn, here.mandate()
        found = mandates.lock_mandate(txn, mandate)
        assert found is not None
        txn.execute("UPDATE payments.mandate SET notice_ms = 1000 WHERE id = %s", (mandate,))
        mandates.save_state(txn, mandate, MandateState.PAUSED, found.approved_by, NOW_MS)
        id_ = derived_ulid(NOW_MS, "untold")
        charge = {"id": id_, "mandate": mandate, "payee": "water", "amount": EURO, "title": "Water"}
        charges.announce(here.scene, ChargeOrder.model_validate({**charge, "reply": "water.heard"}))
        mandates.save_state(txn, mandate, MandateState.ACTIVE, found.approved_by, NOW_MS)
    with world(dsn, NOW_MS + 1_000) as later:
        matter = files.lock(later.scene, id_)
        if matter is not None:
            charges.fire_timer(later.scene, matter)

    debited = "SELECT count(*) FROM payments.payment WHERE id = %s AND state = 'paying'"
    assert execute(dsn, debited, id_) == [(0,)]
    assert "refused" in told(dsn, "water")


def test_a_freeze_leaves_a_line_of_a_bank_to_be_decided_about_anew(dsn: str) -> None:
    with world(dsn) as here:
        txn = here.scene.txn
        txn.execute("INSERT INTO payments.bank (name, account, ledger) VALUES ('demo', 'DE', 1)")
        txn.execute(
            "INSERT INTO payments.bank_line (bank, key, sha256, signed_minor, booked_on, state,"
            " sealed, at_ms) VALUES ('demo', 'line', %s, -500, '2026-01-01', 'suspense', '', 1)",
            (bytes(32),),
        )
        # Alice's key has approved that it was her payout.
        order = {"bank": "demo", "line": "line"}
        matter = here.asked(Kind.PAYOUT, state=State.PAYING, approved_by=here.approved())
        matter = attrs.evolve(matter, private=attrs.evolve(matter.private, order=order))
        id_ = matter.payment.id
        kind, state = suspense.CHARGE, suspense.ORDERED
        suspense.add(
            txn,
            suspense.SuspenseOrder(id_, "demo", "line", kind, state, None, None, b"", NOW_MS),
        )
        given = [str(matter.payment.approved_by)]
        attempts.add(txn, DECIDED, id_, (), NOW_MS, approved_by=given)
        freeze(here.scene)
        assert [one.ordered for one in suspense.lines(txn)] == [""]

    assert end_of(dsn, matter) == ("refused", "frozen", False)
    assert execute(dsn, "SELECT about FROM payments.bank_alarm") == [("line",)]


@pytest.mark.parametrize(("is_revoked", "why"), [(True, "key_revoked"), (False, "no_cover")])
def test_why_a_bank_got_no_order_is_said_as_it_is(dsn: str, is_revoked: bool, why: str) -> None:
    with world(dsn) as here:
        matter = here.asked(Kind.PAYOUT, state=State.PAYING, approved_by=here.approved())
        with_keys(here.scene, is_revoked=is_revoked)
        parts: Any = SimpleNamespace(conversation=lambda *_: here.scene)
        payment = matter.payment
        news = BankNews(NewsKind.NO_COVER, payment.id, 1, payment.amount_minor, NOW_MS)
        bank_news.hear(parts, here.scene.txn, news)

    assert end_of(dsn, matter) == ("refused", why, False)


def test_a_freeze_is_told_to_who_announced_a_charge(dsn: str) -> None:
    with world(dsn) as here:
        matter = here.charge(here.mandate(), NOW_MS + 1)
        freeze(here.scene)

    assert end_of(dsn, matter) == ("cancelled", None, False)
    assert "cancelled" in told(dsn, "water")


def test_what_is_approved_is_stopped_first_however_much_is_asked(dsn: str) -> None:
    with world(dsn) as here:
        for _ in range(store.WAITING_MAX):
            here.asked()
        approved = here.asked(state=State.COOLING, approved_by=here.approved())
        found = store.waiting_of(here.scene.txn, approved.payment.payer)
        here.connection.rollback()

    assert found[0].payment.id == approved.payment.id
    assert len(found) == store.WAITING_MAX


def test_a_paid_invoice_does_not_wait_for_who_is_just_approving_it_too(dsn: str) -> None:
    with world(dsn) as approving:
        approving.scene.txn.execute(
            "INSERT INTO payments.invoice (id, version, payee, sha256, ledger, amount, due_at_ms,"
            " state, sealed, issued_at_ms, changed_at_ms) SELECT 'i', 1, %s, %s, ledger, 500, 2,"
            " 'issued', '', 1, 1 FROM payments.currency",
            (approving.scene.organisation("town").id, b"0" * 32),
        )
        first, second = (approving.asked(Kind.INVOICE, invoice=("i", 1)) for _ in range(2))
        approving.connection.commit()
        assert store.lock_payment(approving.scene.txn, first.payment.id)
        with world(dsn) as block:
            assert invoices.lock_invoice(block.scene.txn, "i", 1)
            waiting: Any = store.waiting_for_invoice(block.scene.txn, "i", 1)

    assert [one.payment.id for one in waiting] == [second.payment.id]


def test_a_freeze_names_who_cannot_debit_any_more_to_the_person_alone(dsn: str) -> None:
    with world(dsn) as here:
        here.mandate()
        allowance(here)
        told = [body(freezing.freeze(here.scene, ALICE)) for _ in range(2)]
        here.connection.rollback()

    first, again = told
    assert "cannot any more, also after you go on: Water." in first
    assert "have to be given anew" in first
    assert "Water" not in again
    assert "given anew" not in again


def test_who_reads_along_learns_of_a_freeze_and_not_of_mandates(dsn: str) -> None:
    said: list[str] = []
    with world(dsn) as here:
        scene = Talk(here.scene.txn, here.scene.sender, here.scene.parts, said)
        inbound = cast("Any", SimpleNamespace(sender=ALICE, room_id="!others:veche.test"))
        for is_private in (False, True):
            here.mandate()
            freezing.obey(scene, inbound, ParsedCommand(FREEZE, ""), is_private=is_private)
        here.connection.rollback()

    assert ["Everything is stopped." in words for words in said] == [True, True]
    assert ["Water" in words for words in said] == [False, True]
