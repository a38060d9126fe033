"""Operator's decisions about bank lines of unknown purpose.

Money that came is somebody's after all, or goes back to where it came from; lines that settle one
another need nothing. It is decided once, with a reason that is kept. What cannot be done leaves the
line where it is.
"""

from __future__ import annotations

import base64
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.banks.core.port import OrderKind, Party
from appservices.payments.banks.service.banks import BankNews, NewsKind
from appservices.payments.banks.service.order_request import OrderRequest
from appservices.payments.banks.store import banks as bank_store
from appservices.payments.banks.store import suspense as store
from appservices.payments.formats.core.plain import iban
from appservices.payments.ledger.core import Transfer, ledger_id
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.ledger.service import attempts
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid, effect_id, ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.banks.service.banks import Desk
    from appservices.payments.banks.store.suspense import SuspenseLine, SuspenseOrder
    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.work import Outcome
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

    Order = Callable[[Cursor, OrderRequest, int], None]

logger = logging.getLogger(__name__)

DECIDED: Final = "bank.suspense"
"""Job, and kind of attempts: what was decided about a line is done."""
ASK_PAYER: Final = "payments.paid_out"
"""Job: a person is asked to approve again what a bank has paid for them."""
WHY_CHARACTERS_MAX: Final = 200
LINES_MAX: Final = 100
"""Lines that settle one another in one decision."""
_ENTROPY_BYTES: Final = 10
_NOBODY: Final = (None, None)
"""Account in the ledger, and what was expected."""
_ENDS: Final[Mapping[NewsKind, str]] = {
    NewsKind.NO_COVER: store.REFUSED,
    NewsKind.REJECTED: store.REFUSED,
    NewsKind.CONFLICT: store.REFUSED,
    NewsKind.BOOKED: store.DONE,
}
"""How news of the order by which a line goes back ends what was decided. What comes back later is
a line of its own; so is what a bank does that it refused."""


@attrs.frozen
class Note:
    """Why something was decided: evidence, sealed.

    Attributes:
        why: The operator's reason, 1 to ``WHY_CHARACTERS_MAX`` printable characters.
        by: Under which name they ran the command.
        whom: For whom, as it was typed; empty where it is for nobody.
    """

    why: str
    by: str
    whom: str = ""


def find(txn: Cursor, keys: Sequence[str], bank: str | None = None) -> list[SuspenseLine]:
    """Lines in suspense of which nothing is decided, in the order of ``keys``.

    Args:
        txn: A transaction; nobody else decides until it ends.
        keys: Of them, each once.
        bank: By name; None: whichever has it.

    Raises:
        NotFoundError: One is not in suspense.
        ConflictError: One is decided about already, or two banks have it.
        MalformedError: There are none, or too many, or one twice.
    """
    if not 0 < len(keys) <= LINES_MAX or len(set(keys)) != len(keys):
        raise MalformedError("line", f"should be 1 to {LINES_MAX} lines, each once")
    store.lock(txn)
    there = [one for one in store.lines(txn) if bank in (None, one.bank)]
    found = []
    for key in keys:
        lines = [one for one in there if one.key == key]
        if not lines:
            raise NotFoundError(f"{key}: no line of this name is in suspense")
        if len(lines) > 1:
            banks = ", ".join(one.bank for one in lines)
            raise ConflictError(f"{key}: say with --bank of which bank: {banks}")
        if lines[0].ordered:
            raise ConflictError(f"{key}: it is decided already and under way: {lines[0].ordered}")
        found.append(lines[0])
    return found


def assign(
    txn: Cursor, vault: Vault, line: SuspenseLine, account: int, note: Note, now_ms: int
) -> str:
    """Have money that came be somebody's; the id of the decision.

    Args:
        txn: A transaction; the services do the rest after it.
        vault: Seals the note.
        line: Which, as ``find`` found it.
        account: Whose it is, in the ledger, in the currency of the line.
        note: Why.
        now_ms: UTC.

    Raises:
        ConflictError: The line is no money that came, or is gone by hand; nothing changes.
    """
    _check_came(txn, line)
    return _add(txn, vault, line, store.ASSIGN, note, now_ms, (account, None))


def assign_expected(
    txn: Cursor, vault: Vault, line: SuspenseLine, reference: str, note: Note, now_ms: int
) -> str:
    """Have money be what is expected with a reference: a top-up, an invoice; the decision's id.

    Raises:
        NotFoundError: Nothing is expected with it at that bank.
        ConflictError: The line does not fit; nothing changes.
    """
    _check_came(txn, line)
    expected = store.expected_by(txn, line.bank, reference)
    if expected is None:
        raise NotFoundError(f"{reference}: nothing is expected with this reference any more")
    if expected.amount_minor not in (None, line.signed_minor):
        raise ConflictError(f"{reference}: another amount is expected with it")
    to = (expected.account, expected.id)
    return _add(txn, vault, line, store.ASSIGN, note, now_ms, to)


def give_back(txn: Cursor, vault: Vault, line: SuspenseLine, note: Note, now_ms: int) -> str:
    """Have money go back by the bank to where it came from; the id of the decision.

    Raises:
        ConflictError: The line is no money that came, or the bank did not say from where.
    """
    _check_came(txn, line)
    said = vault.open(line.sealed)
    try:
        iban(said.get("account", ""))
    except MalformedError as e:
        raise ConflictError(
            f"{line.key}: the bank did not say from which account it came; have the bank give it"
            " back, and match both lines"
        ) from e
    return _add(txn, vault, line, store.RETURN, note, now_ms)


def bear(txn: Cursor, vault: Vault, line: SuspenseLine, note: Note, now_ms: int) -> str:
    """Have the institution bear money that went out; the id of the decision.

    Raises:
        ConflictError: The line is money that came, or is gone by hand; nothing changes.
    """
    check_went(txn, line)
    return _add(txn, vault, line, store.LOSS, note, now_ms)


def ask_payer(
    txn: Cursor, vault: Vault, line: SuspenseLine, person: str, note: Note, now_ms: int
) -> None:
    """Have a person asked to approve again what a bank has paid by a forgotten order of theirs.

    Until they do, the line stays where it is, and something else may be decided about it.

    Raises:
        ConflictError: The line is money that came, or is gone by hand; nothing changes.
    """
    check_went(txn, line)
    id_ = ulid(now_ms, secrets.token_bytes(_ENTROPY_BYTES))
    sealed = base64.b64encode(_sealed(vault, note)).decode()
    payload = {"bank": line.bank, "line": line.key, "person": person, "note": sealed}
    jobs.schedule(txn, Job(effect_id(ASK_PAYER, id_), ASK_PAYER, payload, now_ms))


@attrs.frozen
class Charge:
    """The renewed approval by the person whose order a line was.

    Attributes:
        id: Of their payment.
        account: Theirs, in the ledger.
        approved_by: Nonces of the approvals without which nothing may move.
        sealed: The operator's note.
    """

    id: Ulid
    account: int
    approved_by: Sequence[str]
    sealed: bytes


def charge(txn: Cursor, desk: Desk, line: SuspenseLine, charged: Charge, now_ms: int) -> None:
    """Book a line that went out to whose order it was.

    Args:
        txn: A transaction.
        desk: What all work on banks shares.
        line: Which, as ``find`` found it.
        charged: Whose, and by which approval.
        now_ms: UTC.
    """
    kind, state, nobody = store.CHARGE, store.ORDERED, (None, None)
    store.add(
        txn,
        store.SuspenseOrder(
            charged.id, line.bank, line.key, kind, state, *nobody, charged.sealed, now_ms
        ),
    )
    books, new = desk.books(txn, line.ledger, now_ms)
    transfer = Transfer(
        id=ledger_id(charged.id),
        debit_id=charged.account,
        credit_id=books.suspense,
        amount=-line.signed_minor,
        ledger=line.ledger,
        code=TransferCode.PAYOUT,
        ref=ledger_id(charged.id),
    )
    approved_by = charged.approved_by
    attempts.add(
        txn, DECIDED, charged.id, [transfer], now_ms, approved_by=approved_by, accounts=new
    )


def match(
    txn: Cursor, vault: Vault, lines: Sequence[SuspenseLine], note: Note, now_ms: int
) -> list[str]:
    """Note that lines need nothing more: they settle one another, or were settled by hand.

    Args:
        txn: A transaction.
        vault: Seals the note.
        lines: As ``find`` found them.
        note: Why.
        now_ms: UTC.

    Raises:
        ConflictError: They do not add up; nothing changes.
    """
    ledgers = {one.ledger for one in lines}
    if len(ledgers) != 1:
        raise ConflictError("the lines are in several currencies")
    total, gone = sum(one.signed_minor for one in lines), store.settled_by_hand(txn, *ledgers)
    if total != gone:
        why = f"{gone}, since so much was settled by hand" if gone else "nothing"
        raise ConflictError(f"together the lines are {total} minor units, and have to be {why}")
    made = [_add(txn, vault, one, store.MATCH, note, now_ms) for one in lines]
    for one in lines:
        bank_store.set_line_state(txn, one.bank, one.key, bank_store.POSTED)
    return made


def _check_came(txn: Cursor, line: SuspenseLine) -> None:
    if line.signed_minor <= 0:
        raise ConflictError(
            f"{line.key}: it went out; claim it back from the bank or the payee, and match both"
            " lines once it is here; or say whose order it was: --payer"
        )
    _check_there(txn, line)


def check_went(txn: Cursor, line: SuspenseLine) -> None:
    """Make sure that a line is money that went out, and that it is still there to decide about.

    Raises:
        ConflictError: It is not.
    """
    if line.signed_minor >= 0:
        raise ConflictError(f"{line.key}: it came in; say whose it is: --to")
    _check_there(txn, line)


def _check_there(txn: Cursor, line: SuspenseLine) -> None:
    gone = store.settled_by_hand(txn, line.ledger)
    if gone:
        raise ConflictError(
            f"{gone} minor units of the lines in suspense are settled by hand already; say first"
            " of which lines they are: --match"
        )


def _add(
    txn: Cursor,
    vault: Vault,
    line: SuspenseLine,
    kind: str,
    note: Note,
    now_ms: int,
    to: tuple[int | None, str | None] = _NOBODY,
) -> str:
    """Keep what is decided; what there is nothing more to do for is done with it."""
    sealed = _sealed(vault, note)
    id_ = ulid(now_ms, secrets.token_bytes(_ENTROPY_BYTES))
    state = store.DONE if kind == store.MATCH else store.ORDERED
    order = store.SuspenseOrder(id_, line.bank, line.key, kind, state, *to, sealed, now_ms)
    store.add(txn, order)
    if state == store.ORDERED:
        jobs.schedule(txn, Job(effect_id(DECIDED, id_), DECIDED, {"order": id_}, now_ms))
    return id_


def _sealed(vault: Vault, note: Note) -> bytes:
    if not note.why.strip() or len(note.why) > WHY_CHARACTERS_MAX or not note.why.isprintable():
        raise MalformedError("why", f"should be 1 to {WHY_CHARACTERS_MAX} printable characters")
    return vault.seal(attrs.asdict(note))


class Decided:
    """Does what was decided: leaves it to the writer, or to the bank."""

    def __init__(self, desk: Desk, order: Order) -> None:
        """Make it.

        Args:
            desk: What all work on banks shares.
            order: Has a bank pay.
        """
        self._desk = desk
        self._to_bank = order

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Nothing is to be done outside of the transaction."""
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Begin it."""
        order = store.order(txn, job.payload["order"])
        if order is None or order.state != store.ORDERED:
            return
        logger.info("line %s of bank %s: %s", order.line, order.bank, order.kind)
        if order.kind == store.RETURN:
            self._return(txn, order, now_ms)
        else:
            self._assign(txn, order, now_ms)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The line stays in suspense."""
        refuse(txn, job.payload["order"], str(error), now_ms)

    def _assign(self, txn: Cursor, order: SuspenseOrder, now_ms: int) -> None:
        line = bank_store.line(txn, order.bank, order.line)
        ledger = bank_store.ledger_of(txn, order.bank)
        books, new = self._desk.books(txn, ledger, now_ms)
        is_loss = order.kind == store.LOSS
        account = books.opening if is_loss else order.account
        assert account is not None, "the table says so"  # noqa: S101 -- our bug
        code = TransferCode.SUSPENSE if is_loss else TransferCode.TOP_UP
        transfer = Transfer(
            id=ledger_id(self._desk.new_id(now_ms, f"suspense {order.id}")(code.name)),
            debit_id=account if is_loss else books.suspense,
            credit_id=books.suspense if is_loss else account,
            amount=abs(line.signed_minor),
            ledger=ledger,
            code=code,
            ref=ledger_id(Ulid(order.id)),
        )
        kept = None if is_loss else bank_store.unopened(txn, account)
        first = [] if kept is None else [opening(account, *kept)]
        attempts.add(
            txn, DECIDED, order.id, [transfer], now_ms, approved_by=(), accounts=[*new, *first]
        )

    def _return(self, txn: Cursor, order: SuspenseOrder, now_ms: int) -> None:
        line = bank_store.line(txn, order.bank, order.line)
        said = self._desk.vault.open(line.sealed)
        books, _ = self._desk.books(txn, bank_store.ledger_of(txn, order.bank), now_ms)
        wish = OrderRequest(
            Ulid(order.id),
            order.bank,
            OrderKind.PAYOUT,
            books.suspense,
            Party(said["name"] or said["account"], said["account"]),
            line.signed_minor,
            text=f"Return of {line.key}",
        )
        self._to_bank(txn, wish, now_ms)


def settle(txn: Cursor, desk: Desk, attempt: Attempt, outcome: Outcome) -> None:
    """Note that the ledger moved a line to whose it is, and tell them.

    Args:
        txn: The transaction of the block.
        desk: What all work on banks shares.
        attempt: Of the kind ``DECIDED``.
        outcome: What became of it.
    """
    order = store.order(txn, attempt.about)
    assert order is not None, "it is kept with its attempt"  # noqa: S101 -- our bug
    if not outcome.is_done:
        refuse(txn, order.id, f"the ledger refused it: {outcome.word}", outcome.at_ms)
        if order.kind == store.CHARGE:
            desk.tell(txn, _of_charge(NewsKind.NO_COVER, attempt, outcome))
        return
    if order.account is None:
        _end(txn, order, store.DONE, outcome.at_ms)
        if order.kind == store.CHARGE:
            desk.tell(txn, _of_charge(NewsKind.BOOKED, attempt, outcome))
        return
    line = bank_store.line(txn, order.bank, order.line)
    if order.expected_id is not None:
        bank_store.meet_expected(txn, order.expected_id, order.bank, order.line)
    _end(txn, order, store.DONE, outcome.at_ms)
    news = BankNews(
        NewsKind.CREDITED,
        order.expected_id or order.id,
        order.account,
        line.signed_minor,
        outcome.at_ms,
        line=order.line,
    )
    desk.tell(txn, news)


def _of_charge(kind: NewsKind, attempt: Attempt, outcome: Outcome) -> BankNews:
    """Turn the outcome of a charge into news of its payment."""
    [moved] = attempt.chain
    assert moved.debit_id is not None, "it was made so"  # noqa: S101 -- our bug
    assert moved.amount is not None, "it was made so"  # noqa: S101 -- our bug
    code = "" if outcome.is_done else outcome.word
    return BankNews(kind, attempt.about, moved.debit_id, moved.amount, outcome.at_ms, code)


def heard(txn: Cursor, news: BankNews) -> bool:
    """A bank says what became of an order; whether it is one by which a line goes back."""
    order = store.order(txn, news.about)
    if order is None:
        return False
    state = _ENDS.get(news.kind)
    if state is not None and order.state == store.ORDERED:
        if state == store.REFUSED:
            refuse(txn, order.id, f"{news.kind.value} {news.code}".rstrip(), news.at_ms)
        else:
            _end(txn, order, state, news.at_ms)
    return True


def refuse(txn: Cursor, order_id: str, why: str, now_ms: int) -> None:
    """Leave a line in suspense, and something for an operator."""
    order = store.order(txn, order_id)
    if order is None or order.state != store.ORDERED:
        return
    store.end(txn, order.id, store.REFUSED, now_ms)
    logger.warning("bank %s: look at %s", order.bank, order.line)
    problem = f"it stays in suspense, {order.kind} could not be: {why}"
    bank_store.add_alarm(txn, order.bank, order.line, problem, now_ms)


def _end(txn: Cursor, order: SuspenseOrder, state: str, now_ms: int) -> None:
    store.end(txn, order.id, state, now_ms)
    bank_store.set_line_state(txn, order.bank, order.line, bank_store.POSTED)
