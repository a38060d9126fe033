"""Messages of a person in their chat with the payments bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.service.orders import purse_of
from appservices.payments.allowances.texts import no_allowance_doc
from appservices.payments.amounts.core.order import OrderProblem, read_order, turned, with_currency
from appservices.payments.bills.service import asking as billing
from appservices.payments.chats.service import (
    pasted,
    pictures,
)
from appservices.payments.chats.service import (
    payouts as payout_orders,
)
from appservices.payments.chats.service import (
    refunds as refunding,
)
from appservices.payments.chats.texts import account as texts
from appservices.payments.chats.texts.account import HISTORY_MAX
from appservices.payments.conversation import store as chats
from appservices.payments.conversation.core.commands import COMMANDS, PAY
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.conversation.service.naming import (
    organisation_named,
    payee_named,
    server_named,
    user_named,
    with_organisation_first,
)
from appservices.payments.disputes.service import disputes, evidence
from appservices.payments.disputes.service import orders as dispute_orders
from appservices.payments.escrows.service import escrows
from appservices.payments.escrows.service import orders as escrow_orders
from appservices.payments.formats.core import rf
from appservices.payments.guardians.service import guardians
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.invoice import PAID_STATES, InvoiceState
from appservices.payments.ledger.core import AccountCode
from appservices.payments.limits.service import bans as banning
from appservices.payments.limits.service import limits as limiting
from appservices.payments.mandates.service import debits as charges
from appservices.payments.mandates.service import mandates
from appservices.payments.merchants.service import buying, invoicing
from appservices.payments.organisations import store as events
from appservices.payments.paying.service import paying
from appservices.payments.peers.texts import no_peer_words, peer_doc
from appservices.payments.postings.service import grants
from appservices.payments.questions.service import extras
from appservices.payments.receipts.service import files as receipt_files
from appservices.payments.receipts.service.news import tell_untold
from appservices.payments.rooms import store as case_rooms
from appservices.payments.safeguards.service import freezing, safeguards, voting
from appservices.payments.statements.service import files as statement_files
from appservices.payments.topups.service import topups
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.paying import (
    bad_reference_doc,
    no_currency_doc,
    no_invoice_doc,
    problem_doc,
    turned_doc,
    unknown_payee_doc,
)
from appservices.payments.transfers.texts.views import Balance
from veche.access.sessions import answer_command
from veche.bots import act_on_answer, act_on_page, choose_language, doubt, is_stale, page_commands
from veche.bots.guardian_rules import TOPICS
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.commands import MORE, is_more, read_command
from veche.protocol.ids import UserId, effect_id
from veche.protocol.talk import languages_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.amounts.core.order import Order
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import RoomId
    from veche.protocol.inbound import Inbound, PageAct
    from veche.protocol.message import Doc

LOOK_UP: Final = "payments.payee"
"""Job: finds out whether somebody can be paid, and what they are called."""
_CURRENCY_PROBLEMS: Final = frozenset({OrderProblem.NO_CURRENCY, OrderProblem.OTHER_CURRENCY})


def greet(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat; tell them what they were paid before."""
    localizer = scene.localizer(person)
    if not scene.is_private(room_id, person):
        scene.tell(room_id, person, texts.private_doc(localizer))
        return
    welcome(scene, room_id, person)
    grants.welcome(scene, person)
    for payment_id in chats.take_untold(scene.txn, scene.holder(person).id):
        matter = files.lock(scene, payment_id)
        if matter is not None:
            tell_untold(scene, matter)


def welcome(scene: Conversation, room_id: RoomId, person: UserId) -> None:
    """Say who speaks here, and what to try first."""
    chats.set_greeted(scene.txn, room_id)
    localizer, section = scene.localizer(person), scene.section
    doc = texts.welcome_doc(section.name_in(localizer.language), section.currencies[0], localizer)
    scene.tell(room_id, person, (*doc, languages_line()), is_quiet=True)


def hear(scene: Conversation, inbound: Inbound, *, is_greeted: bool) -> None:
    """A person says something in their chat.

    Args:
        scene: The transaction.
        inbound: What; a message, or an answer to a question.
        is_greeted: They were welcomed here.
    """
    person, room_id = inbound.sender, inbound.room_id
    parsed = read_command(inbound.content, commands(scene), scene.language_of(person))
    why = doubt(scene, inbound, texts.private_doc)
    if why is not None:
        # To stop everything only takes power away, so it counts however it is said.
        if not freezing.obey(scene, inbound, parsed, is_private=False):
            scene.tell(room_id, person, why)
        return
    if not is_greeted:
        greet(scene, room_id, person)
    code = pasted.code_in(inbound.content)
    if code is not None:
        pay_code(scene, inbound, code)
        return
    if parsed is not None and (parsed.argument or parsed.command is not PAY):
        _obey(scene, inbound, parsed)
        return
    if pictures.take(scene, inbound) or evidence.take(scene, inbound):
        return
    heard = scene.approvals.hear(scene.txn, inbound, is_dialogue=True)
    # "pay" alone may answer the question that is open. Where none is, it is the word for a payment,
    # whatever was answered by it before.
    if not (parsed is not None and is_stale(heard)) and act_on_answer(
        scene, heard, inbound, ANSWERS
    ):
        return
    if parsed is not None:
        doc = problem_doc(OrderProblem.USAGE, scene.section.currencies, scene.localizer(person))
        scene.tell(room_id, person, doc)
    elif is_greeted and inbound.event_type == "m.room.message":
        _help(scene, room_id, person, is_whole=is_more(str(inbound.content.get("body"))))


def hear_page(scene: Conversation, act: PageAct) -> None:
    """Act on what a person did on a page: an answer that they approved, or declined."""
    room_id, person = act.room_id, act.sender
    is_of_case = case_rooms.at(scene.txn, room_id) is not None
    if is_of_case or scene.is_private(room_id, person):
        act_on_page(scene, act, ANSWERS)
    else:
        scene.tell(room_id, person, texts.private_doc(scene.localizer(person)))


def pay_code(scene: Conversation, inbound: Inbound, code: str) -> None:
    """Ask what a payment code asks that somebody pasted, or sent a picture of."""
    order = pasted.take(scene, inbound, code)
    if order is not None and not _buy(scene, inbound, order, None):
        _look_up(scene, inbound, UserId(order.payee), order, None)


def commands(scene: Conversation) -> tuple[Command, ...]:
    """All that is answered in a chat."""
    return (*COMMANDS, *page_commands(scene))


def _obey(scene: Conversation, inbound: Inbound, parsed: ParsedCommand) -> None:
    person, room_id = inbound.sender, inbound.room_id
    localizer, links = scene.localizer(person), scene.links
    if freezing.obey(scene, inbound, parsed, is_private=True) or answer_command(
        scene.txn, scene.sender, room_id, person, parsed, links=links, language=localizer.language
    ):
        return
    order = _ORDERS.get(parsed.command.name)
    if order is not None:
        order(scene, inbound, parsed.argument)
        return
    match parsed.command.name:
        case "balance":
            scene.tell(room_id, person, texts.balance_doc(_balances(scene, person), localizer))
        case "history":
            scene.tell(room_id, person, _history(scene, person))
        case "splits":
            billing.show_all(scene, room_id, person)
        case "allowances":
            allowances.show_all(scene, room_id, person)
        case "mandates":
            mandates.show_all(scene, room_id, person)
        case "limits":
            limiting.obey(scene, room_id, person, parsed.argument)
        case "language":
            choose_language(scene, room_id, person, parsed.argument)
        case _:
            _help(scene, room_id, person, is_whole=parsed.command is MORE)


def _help(scene: Conversation, room_id: RoomId, person: UserId, *, is_whole: bool) -> None:
    localizer, more = scene.localizer(person), page_commands(scene)
    scene.tell(room_id, person, texts.help_doc(localizer, more, is_whole=is_whole))


def _pay(scene: Conversation, inbound: Inbound, argument: str) -> None:
    person, room_id = inbound.sender, inbound.room_id
    if rf.is_reference(argument):
        _pay_invoice(scene, inbound, rf.read(argument))
        return
    argument = with_organisation_first(scene.section, argument)
    ordered, purse = purse_of(argument)
    order = read_order(ordered, scene.section.currencies)
    if isinstance(order, OrderProblem):
        scene.tell(room_id, person, _problem(scene, person, order, argument))
        return
    bot, localizer = scene.sender.bot.user_id, scene.localizer(person)
    giver = user_named(purse, bot) if purse else None
    if purse is not None and giver is None:
        scene.tell(room_id, person, no_allowance_doc(localizer))
        return
    giver = giver if giver != person else None
    if _buy(scene, inbound, order, giver):
        return
    payee = payee_named(order.payee, bot, [one.server for one in scene.section.peers])
    if payee is None:
        server = server_named(order.payee, bot)
        doc = peer_doc(no_peer_words(server, localizer)) if server else unknown_payee_doc(localizer)
        scene.tell(room_id, person, doc)
        return
    _look_up(scene, inbound, payee, order, giver)


def _problem(scene: Conversation, person: UserId, problem: OrderProblem, argument: str) -> Doc:
    """Why a payment that somebody typed cannot be read, with one that can: theirs, if possible."""
    currencies, localizer = scene.section.currencies, scene.localizer(person)
    command = PAY.word(localizer.language)
    if rf.is_meant(argument):
        return bad_reference_doc(localizer)
    other_way = turned(argument, currencies)
    if other_way is not None:
        return turned_doc(f"{command} {other_way}", localizer)
    mended = with_currency(argument, currencies) if problem in _CURRENCY_PROBLEMS else None
    if mended is None:
        merchant = organisation_named(scene.section, argument)
        example = f"{command} {merchant.id} 12.50 {currencies[0]}" if merchant else None
        return problem_doc(problem, currencies, localizer, example)
    order, word = mended
    line = f"{command} {order}"
    is_other = problem is OrderProblem.OTHER_CURRENCY
    return no_currency_doc(line, word if is_other else "", currencies, localizer)


def _pay_invoice(scene: Conversation, inbound: Inbound, reference: str) -> None:
    """Begin to pay the invoice of a reference; anybody with the reference may."""
    invoice_id = events.invoice_of_reference(scene.txn, reference)
    state = None
    if invoice_id is not None:
        state = invoicing.ask(scene, invoice_id, payer=inbound.sender)
    if state is not InvoiceState.ISSUED:
        doc = no_invoice_doc(state in PAID_STATES, scene.localizer(inbound.sender))
        scene.tell(inbound.room_id, inbound.sender, doc)


def _buy(scene: Conversation, inbound: Inbound, order: Order, giver: UserId | None) -> bool:
    """Pay an organisation, if an order names one; False if it names somebody else."""
    merchant = organisation_named(scene.section, order.payee)
    if merchant is not None:
        buying.order(scene, inbound, merchant, order, giver)
    return merchant is not None


def _look_up(
    scene: Conversation, inbound: Inbound, payee: UserId, order: Order, giver: UserId | None
) -> None:
    payload = {
        "person": inbound.sender,
        "room": inbound.room_id,
        "payee": payee,
        "minor": order.amount.minor,
        "currency": order.amount.currency,
        "reference": order.reference,
        "giver": giver,
    }
    id_ = effect_id(LOOK_UP, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, LOOK_UP, payload, scene.now_ms))


def _balances(scene: Conversation, person: UserId) -> list[Balance]:
    """List a person's balances in each currency that is kept here."""
    holder = scene.holder(person)
    rows = holders.balances(scene.txn, holder.id, AccountCode.WALLET)
    by_ledger = {one.ledger: one for one in rows}
    numbers = holders.currencies(scene.txn)
    found = [(code, by_ledger.get(numbers[code])) for code in scene.section.currencies]
    return [
        Balance(code, row.available_minor if row else 0, row.held_minor if row else 0)
        for code, row in found
    ]


def _history(scene: Conversation, person: UserId) -> Doc:
    latest = store.paid_of(scene.txn, scene.holder(person).id, HISTORY_MAX)
    views = [files.matter_of(scene, one).view for one in latest]
    top_ups = statement_files.top_ups_of(scene, person)
    return texts.history_doc(views, top_ups, person, scene.localizer(person))


ANSWERS: Final[Mapping[str, Callable[[Conversation, Answered], None]]] = {
    Topic.ALLOWANCE: allowances.answered,
    Topic.BAN: banning.answered,
    Topic.BILL: billing.answered,
    Topic.DISPUTE: disputes.answered,
    Topic.ESCROW: escrows.answered,
    Topic.GUARD: voting.answered,
    **dict.fromkeys(TOPICS, guardians.RULES.answered),
    Topic.MANDATE: charges.answered,
    Topic.PAYMENT: paying.answered,
    Topic.UNFREEZE: freezing.answered,
}
"""What acts on an answer, by the topic of its question."""

_ORDERS: Final[Mapping[str, Callable[[Conversation, Inbound, str], None]]] = {
    "pay": _pay,
    "receipt": receipt_files.order,
    "refund": refunding.order,
    "dispute": dispute_orders.order,
    "escrow": escrow_orders.order,
    "split": billing.order,
    "deliver": extras.place,
    "topup": topups.order,
    "payout": payout_orders.order,
    "statement": statement_files.order,
    **safeguards.ORDERS,
}
"""What has a module of its own, by command."""
