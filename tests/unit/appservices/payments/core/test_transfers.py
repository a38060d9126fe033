"""A payment as transfers: what the payee gets and the fee, both or none."""

import attrs

from appservices.payments.ledger.core import AccountCode, AccountFlag, TransferFlag, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.core.transfers import FEE, MAIN, Between, transfers_of
from veche.protocol.ids import Ulid, derived_ulid

PAYMENT = Payment(
    id=derived_ulid(5, "payment"),
    kind=Kind.PAY,
    state=State.PAYING,
    payer=1,
    payee=2,
    ledger=3,
    amount_minor=1250,
    fee_minor=10,
    asked_at_ms=5,
)
IDS = {MAIN: derived_ulid(5, "main"), FEE: derived_ulid(5, "fee")}


def test_amount_and_fee_are_one_chain_that_names_its_payment() -> None:
    main, fee = transfers_of(PAYMENT, Between(101, 102, 103), IDS)

    assert (main.debit_id, main.credit_id, main.amount) == (101, 102, 1250)
    assert (fee.debit_id, fee.credit_id, fee.amount) == (101, 103, 10)
    assert (main.flags, fee.flags) == (TransferFlag.LINKED, 0)
    assert (main.code, fee.code) == (TransferCode.PAY, TransferCode.FEE)
    assert main.ref == fee.ref == ledger_id(Ulid(PAYMENT.id))


def test_without_a_fee_there_is_one_transfer() -> None:
    free = attrs.evolve(PAYMENT, fee_minor=0)
    [main] = transfers_of(free, Between(101, 102), IDS)

    assert (main.amount, main.flags, main.id) == (1250, 0, ledger_id(IDS[MAIN]))


def test_a_refund_names_what_it_gives_back() -> None:
    first = derived_ulid(4, "first")
    refund = attrs.evolve(PAYMENT, kind=Kind.REFUND, fee_minor=0, refund_of="first")
    [main] = transfers_of(refund, Between(102, 101), IDS, first)

    assert (main.code, main.refund_of) == (TransferCode.REFUND, ledger_id(first))


def test_nobody_s_own_money_is_overdrawn_and_the_institution_s_may_be() -> None:
    for code in (AccountCode.WALLET, AccountCode.MERCHANT):
        assert opening(7, 1, code).flags & AccountFlag.NO_OVERDRAFT
    assert not opening(7, 1, AccountCode.OPENING).flags
