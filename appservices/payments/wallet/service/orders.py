"""Payments and payouts that are asked for on a page, from what was typed to the question.

The question is the same as in the chat and stands there too: whichever is answered first counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import OrderProblem, read_amount, reference_problem
from appservices.payments.conversation.service.naming import (
    organisation_named,
    payee_named,
    server_named,
)
from appservices.payments.formats.core.plain import iban
from appservices.payments.merchants.service import buying
from appservices.payments.paying.service import paying
from appservices.payments.payouts import service as payouts
from appservices.payments.payouts.core import PayoutOrder, PayoutProblem, name_problem
from appservices.payments.payouts.texts import name_doc, payout_problem_words
from appservices.payments.peers.texts import no_peer_words, peer_words
from appservices.payments.questions.service import approvals
from appservices.payments.transfers.core.payment import Kind, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.paying import (
    BY_INVOICE,
    NOT_PAYABLE,
    YOURSELF,
    by_invoice_words,
    over_words,
    problem_words,
    refused_words,
)
from appservices.payments.transfers.texts.refusals import PEER_REFUSALS
from appservices.payments.transfers.texts.views import Party, without_example
from appservices.payments.wallet.service.visit import PaymentRefusedError
from appservices.payments.wallet.texts import Trouble
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from appservices.payments.config import OrganisationSection
    from appservices.payments.wallet.api import OrderBody, PayoutBody
    from appservices.payments.wallet.service.visit import Visit
    from veche.protocol.ids import UserId
    from veche.protocol.money import Money

STOPPABLE: Final = frozenset({State.ASKED, State.COOLING, State.GUARDED})
"""States in which a payer can still do without a payment; a charge ends with its mandate."""
PAYEE: Final = "payee"
AMOUNT: Final = "amount"
REFERENCE: Final = "reference"
_FIELDS: Final = {
    OrderProblem.LONG_REFERENCE: REFERENCE,
    OrderProblem.HIDDEN_CHARACTERS: REFERENCE,
    PayoutProblem.BAD_IBAN: "iban",
    PayoutProblem.USAGE: "name",
    PayoutProblem.LONG_NAME: "name",
    PayoutProblem.HIDDEN_CHARACTERS: "name",
}
_ABOUT_PAYEE: Final = frozenset({NOT_PAYABLE, YOURSELF})


def read_typed(visit: Visit, amount: str, currency: str) -> Money:
    """The amount that was typed into a form, by the rules of the chat.

    Raises:
        PaymentRefusedError: It is none.
    """
    currencies = visit.scene.section.currencies
    if currency not in currencies:
        raise unread(visit, OrderProblem.OTHER_CURRENCY)
    words = amount.split()
    # Where no currency stands beside it, "1,250" is in doubt.
    found = read_amount(words, [currency])
    if isinstance(found, OrderProblem):
        raise unread(visit, OrderProblem.BAD_AMOUNT if not words else found)
    money, rest = found
    if rest:
        raise unread(visit, OrderProblem.BAD_AMOUNT)
    return money


def payee_of(visit: Visit, order: OrderBody) -> UserId | OrganisationSection:
    """Return the payee of an order, once all of it can be read.

    Raises:
        PaymentRefusedError: Something of it is not right; the error names the field.
    """
    read_typed(visit, order.amount, order.currency)
    problem = reference_problem(" ".join(order.reference.split()))
    if problem is not None:
        raise unread(visit, problem)
    typed, bot = order.payee.strip(), visit.scene.sender.bot.user_id
    merchant = organisation_named(visit.scene.section, typed)
    if merchant is not None and not merchant.is_paid_by_name:
        words = by_invoice_words(merchant.name_in(visit.language), visit.localizer)
        raise PaymentRefusedError(BY_INVOICE, words, PAYEE)
    if merchant is not None:
        return merchant
    payee = payee_named(typed, bot, [one.server for one in visit.scene.section.peers])
    if payee is not None:
        return payee
    server = server_named(typed, bot)
    if server is None:
        raise nobody(visit)
    raise PaymentRefusedError(NOT_PAYABLE, no_peer_words(server, visit.localizer), PAYEE)


def nobody(visit: Visit, why: str = NOT_PAYABLE) -> PaymentRefusedError:
    """Nobody can be paid by that name, whatever the reason; or what another institution says."""
    if why in PEER_REFUSALS:
        return PaymentRefusedError(why, peer_words(why, visit.localizer), PAYEE)
    return PaymentRefusedError(NOT_PAYABLE, over_words(NOT_PAYABLE, visit.localizer), PAYEE)


def begin(visit: Visit, order: OrderBody, payer: str, payee: Party) -> OpenPayment:
    """Ask the person whether to make a payment that they order.

    Args:
        visit: The person.
        order: As ``payee_of`` read it.
        payer: What the person is called.
        payee: Whom to pay.

    Raises:
        PaymentRefusedError: It cannot be made.
    """
    amount = read_typed(visit, order.amount, order.currency)
    private = Private(
        payer=Party(visit.person, payer),
        payee=payee,
        currency=amount.currency,
        reference=" ".join(order.reference.split()),
    )
    return _ask(visit, paying.new(visit.scene, private, amount.minor))


def buy(visit: Visit, order: OrderBody, merchant: OrganisationSection) -> OpenPayment:
    """Ask the person whether to pay an organisation that they named.

    Args:
        visit: The person.
        order: As ``payee_of`` read it.
        merchant: Whom it gave.

    Raises:
        PaymentRefusedError: It cannot be made.
    """
    amount = read_typed(visit, order.amount, order.currency)
    private = Private(
        payer=Party(visit.person, visit.person),
        payee=buying.party_of(visit.scene, merchant),
        currency=amount.currency,
        reference=" ".join(order.reference.split()),
    )
    matter = buying.new(visit.scene, private, amount.minor)
    if not approvals.offered(visit.scene, matter):
        _check_hope(visit, matter)
    buying.begin(visit.scene, matter)
    return matter


def payout_of(visit: Visit, order: PayoutBody) -> tuple[PayoutOrder, str]:
    """A payout as it can be made, and the bank that makes it.

    Raises:
        PaymentRefusedError: Something of it is not right; the error names the field.
    """
    scene = visit.scene
    amount = read_typed(visit, order.amount, order.currency)
    name, reference = " ".join(order.name.split()), " ".join(order.reference.split())
    try:
        number = iban(order.iban)
    except MalformedError as e:
        raise _payout_problem(visit, PayoutProblem.BAD_IBAN) from e
    problem = name_problem(name)
    if problem is not None:
        raise _payout_problem(visit, problem)
    if reference_problem(reference) is not None:
        raise unread(visit, OrderProblem.HIDDEN_CHARACTERS)
    bank = payouts.bank_for(scene, amount.currency)
    if bank is None:
        raise _payout_problem(visit, PayoutProblem.NO_BANK)
    if scene.banking.is_own(number):
        raise _payout_problem(visit, PayoutProblem.OURS)
    wanted = PayoutOrder(amount, number, name, reference)
    matter = payouts.new(scene, visit.person, None, wanted, bank)
    if not payouts.is_taken(scene, matter):
        raise _payout_problem(visit, PayoutProblem.NOT_TAKEN)
    _check_payouts(visit)
    _check_hope(visit, matter)
    return wanted, bank


def begin_payout(
    visit: Visit, wanted: PayoutOrder, bank: str, answer: tuple[str, str]
) -> OpenPayment:
    """Ask the person whether to pay out.

    Args:
        visit: The person.
        wanted: As ``payout_of`` read it.
        bank: Which bank.
        answer: What the bank says of the owner's name: its word, and the name with ``close``.

    Raises:
        PaymentRefusedError: It cannot be made any more.
    """
    _check_payouts(visit)
    matter = payouts.new(visit.scene, visit.person, None, wanted, bank, answer)
    _check_hope(visit, matter)
    paying.begin(visit.scene, matter, name_doc(*answer, visit.localizer))
    return matter


def stop(visit: Visit, payment_id: str) -> None:
    """The person does not want a payment any more.

    Raises:
        NotFoundError: There is none that they make.
        PaymentRefusedError: It is too late for that.
    """
    matter = own_locked(visit, payment_id)
    is_charge = matter.payment.kind is Kind.MANDATE
    if matter.payment.state not in STOPPABLE or is_charge:
        raise visit.refused(Trouble.TOO_LATE)
    paying.cancel(visit.scene, matter)


def own_locked(visit: Visit, payment_id: str) -> OpenPayment:
    """A payment that the person makes, which nobody else steps until the transaction ends.

    Raises:
        NotFoundError: There is none that they make.
    """
    matter = files.lock(visit.scene, payment_id)
    if matter is None or matter.payment.payer != visit.holder.id:
        raise visit.not_found(Trouble.NO_PAYMENT)
    return matter


def _ask(visit: Visit, matter: OpenPayment) -> OpenPayment:
    _check_hope(visit, matter)
    paying.begin(visit.scene, matter)
    return matter


def _check_payouts(visit: Visit) -> None:
    if payouts.has_many(visit.scene, visit.person):
        raise _payout_problem(visit, PayoutProblem.TOO_MANY)


def _check_hope(visit: Visit, matter: OpenPayment) -> None:
    why = paying.hopeless(visit.scene, matter.payment)
    if why is not None:
        at_most_minor = paying.at_most_minor(visit.scene, matter.payment, why)
        words = refused_words(why, matter.view, at_most_minor, visit.localizer)
        raise PaymentRefusedError(why, words, PAYEE if why in _ABOUT_PAYEE else None)


def unread(visit: Visit, problem: OrderProblem) -> PaymentRefusedError:
    """The error for an order that cannot be read; it names the field."""
    words = problem_words(problem, visit.scene.section.currencies, visit.localizer)
    return PaymentRefusedError(problem.value, without_example(words), _FIELDS.get(problem, AMOUNT))


def _payout_problem(visit: Visit, problem: PayoutProblem) -> PaymentRefusedError:
    words = payout_problem_words(problem, visit.localizer)
    return PaymentRefusedError(problem.value, without_example(words), _FIELDS.get(problem))
