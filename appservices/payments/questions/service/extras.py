"""Questions of an invoice before the approval: address, option, tip.

Each answer changes the amount and takes all questions back that came before it, so that only a
question with the newest total can be approved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.invoices.core.quote import QuoteEffect, QuoteInput, QuoteState, step_quote
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.invoices.store import quotes as store
from appservices.payments.invoices.store.quotes import QuoteRow
from appservices.payments.invoices.texts.invoice import invoice_doc
from appservices.payments.organisations.service import news
from appservices.payments.questions.service import approvals
from appservices.payments.questions.texts import (
    no_place_doc,
    options_doc,
    place_doc,
    quote_asked_doc,
    tip_doc,
)
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import asking, files
from appservices.payments.transfers.service.asking import DECLINE, OBJECT
from appservices.payments.transfers.texts.views import ChosenView
from veche.contracts.payments.invoice import INVOICE_KEY
from veche.protocol.approval import showable
from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.ids import effect_id
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.order import InvoiceOrder, QuoteOption
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.chat.prompts import Answered
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc, Payload

TIP: Final = "tip."
OPTION: Final = "option."
"""Beginnings of the ids of choices; a number follows, and of options the quote's version first."""
PLACE_CHARACTERS_MAX: Final = 300
QUOTE: Final = "quote"
"""State of which the issuer hears if they are asked for a quote."""


def ask_first(scene: Conversation, matter: OpenPayment) -> bool:
    """Ask what comes before the approval of a new payment; False if nothing does.

    Args:
        scene: The transaction.
        matter: The payment, asked and kept.
    """
    order = invoices.invoice_order(scene, matter.payment)
    if order is None or not (order.terms.quote or order.terms.tips):
        return False
    if order.terms.quote is None:
        _ask_tip(scene, matter, order, is_first=True)
        return True
    row = QuoteRow(matter.payment.id, QuoteState.WANTING, 0, None, _sealed(scene, ""))
    store.save(scene.txn, row, scene.now_ms)
    if order.terms.quote == "delivery":
        details, payload = _invoice(scene, matter, order)
        person = matter.private.asker.person
        if person is not None:
            doc = place_doc(details, scene.localizer(person))
            asking.ask(scene, matter, refusals(scene, matter, order), doc, payload)
    else:
        _ask_merchant(scene, matter, order, row, "")
    return True


def place(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A payer says where to: "Main Street 5, Lindenau"."""
    person = inbound.sender
    payment_id = store.newest_of(scene.txn, scene.holder(person).id)
    matter = files.lock(scene, payment_id) if payment_id is not None else None
    if matter is None or not take_place(scene, matter, argument):
        scene.tell(inbound.room_id, person, no_place_doc(scene.localizer(person)))


def take_place(scene: Conversation, matter: OpenPayment, typed: str) -> bool:
    """Where to, of a payment that is locked; False if that is not asked for, or cannot be read."""
    where = " ".join(showable(typed).split())
    row = store.lock(scene.txn, matter.payment.id)
    order = invoices.invoice_order(scene, matter.payment)
    is_right = 0 < len(where) <= PLACE_CHARACTERS_MAX
    is_wanted = order is not None and order.terms.quote == "delivery"
    if row is None or order is None or not (is_wanted and is_right):
        return False
    if matter.payment.state is not State.ASKED:
        return False
    _ask_merchant(scene, matter, order, row, where)
    return True


def is_quoting(scene: Conversation, payment: Payment) -> bool:
    """Return whether the merchant is asked what a payment costs, and has not answered."""
    row = store.lock(scene.txn, payment.id)
    return row is not None and row.state is QuoteState.ASKED


def take(scene: Conversation, matter: OpenPayment, choice: Choice) -> None:
    """An option or a tip that the open question offers, taken on a page; what is asked follows."""
    order = invoices.invoice_order(scene, matter.payment)
    assert order is not None, "only invoices ask besides"  # noqa: S101 -- our bug
    _close_with(scene, matter, choice.label)
    _take(scene, matter, order, choice.id)


def take_own_tip(scene: Conversation, matter: OpenPayment, minor: int) -> None:
    """A tip of the payer's own, where one is asked for, chosen on a page."""
    order = invoices.invoice_order(scene, matter.payment)
    assert order is not None, "only invoices ask besides"  # noqa: S101 -- our bug
    person = matter.private.asker.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    _close_with(scene, matter, scene.localizer(person).money(minor, matter.private.currency))
    _tip(scene, matter, order, minor)


def offer(
    scene: Conversation, matter: OpenPayment, row: QuoteRow, options: Sequence[QuoteOption]
) -> QuoteRow:
    """The merchant has answered: the payer chooses, also if they had chosen before.

    Args:
        scene: The transaction.
        matter: The payment, locked; it waits for its approval.
        row: Its quote, locked.
        options: At least one.

    Raises:
        QuoteStateError: Nobody has asked yet; nothing has changed.
    """
    state, effects = step_quote(row.state, QuoteInput.OFFER)
    where, _ = opened(scene, row)
    kept = [one.model_dump(mode="json") for one in options]
    sealed = _sealed(scene, where, kept)
    after = QuoteRow(row.payment_id, state, row.version + 1, None, sealed)
    store.save(scene.txn, after, scene.now_ms)
    matter = _with(scene, matter, 0, 0)
    person = matter.private.asker.person
    order = invoices.invoice_order(scene, matter.payment)
    if QuoteEffect.CLOSE_QUESTION in effects:
        _close(scene, matter)
    if person is not None and order is not None:
        localizer = scene.localizer(person)
        choices = [
            Choice(
                id=f"{OPTION}{after.version}.{n}",
                label=f"{one.label}: {localizer.money(one.minor, matter.private.currency)}",
            )
            for n, one in enumerate(options)
        ]
        doc = options_doc(matter.view, where, localizer)
        asking.ask(scene, matter, (*choices, *refusals(scene, matter, order)), doc)
    return after


def is_payable(scene: Conversation, payment: Payment, minor: int) -> bool:
    """Return whether an invoice can be paid with an option of that price and its largest tip."""
    order = invoices.invoice_order(scene, payment)
    assert order is not None, "only invoices ask besides"  # noqa: S101 -- our bug
    return order.terms.largest_minor(order.card.total.minor) + minor <= INTEGER_MAX


def answered(scene: Conversation, matter: OpenPayment, answer: Answered) -> bool:
    """Go on with what the payer chose of options and tips; False if it is none of these."""
    choice, order = answer.chosen.choice or "", invoices.invoice_order(scene, matter.payment)
    if order is None or not choice.startswith((TIP, OPTION)):
        return False
    if matter.payment.state is not State.ASKED:
        return True
    kept = answer.kept.prompt.choice(choice)
    if not scene.settle(answer, kept.label if kept is not None else ""):
        return True
    _take(scene, matter, order, choice)
    return True


def chosen_of(scene: Conversation, matter: OpenPayment, order: InvoiceOrder) -> ChosenView | None:
    """Return the payer's choice of a quote; None: no quote, or one by an older release."""
    row = store.lock(scene.txn, matter.payment.id)
    kept = scene.vault.open(row.sealed) if row is not None else {}
    n = kept.get("chosen")
    if n is None:
        return None
    option = kept["options"][n]
    return ChosenView(order.card.total.minor, option["label"], int(option["minor"]), kept["place"])


def _take(scene: Conversation, matter: OpenPayment, order: InvoiceOrder, choice: str) -> None:
    if choice.startswith(TIP):
        n = int(choice.removeprefix(TIP))
        minor = order.terms.tips[n - 1].of(order.card.total.minor) if n else 0
        _tip(scene, matter, order, minor)
    else:
        version, _, n_th = choice.removeprefix(OPTION).partition(".")
        _take_option(scene, matter, order, int(version), int(n_th))


def opened(scene: Conversation, row: QuoteRow) -> tuple[str, Sequence[dict[str, Any]]]:
    """Where to, and what was offered."""
    data = scene.vault.open(row.sealed)
    return data["place"], data["options"]


def _ask_merchant(
    scene: Conversation, matter: OpenPayment, order: InvoiceOrder, row: QuoteRow, where: str
) -> None:
    state, effects = step_quote(row.state, QuoteInput.PLACE)
    if QuoteEffect.CLOSE_QUESTION in effects:
        _close(scene, matter)
    after = attrs.evolve(row, state=state, chosen_minor=None, sealed=_sealed(scene, where))
    store.save(scene.txn, after, scene.now_ms)
    matter = _with(scene, matter, 0, 0)
    if QuoteEffect.TELL_MERCHANT in effects:
        told = {"invoice": order.card.id, "state": QUOTE, "payment": matter.payment.id}
        id_ = effect_id(order.reply or "", QUOTE, matter.payment.id, scene.sender.cause)
        news.tell(scene, order.reply, id_, {**order.about, **told})
    person = matter.private.asker.person
    if person is not None:
        is_first = order.terms.quote == "options"
        details, payload = _invoice(scene, matter, order) if is_first else ((), NO_PAYLOAD)
        doc = quote_asked_doc(details, matter.view, scene.localizer(person))
        asking.ask(scene, matter, refusals(scene, matter, order), doc, payload)


def _take_option(
    scene: Conversation, matter: OpenPayment, order: InvoiceOrder, version: int, n: int
) -> None:
    row = store.lock(scene.txn, matter.payment.id)
    if row is None or row.state is not QuoteState.OFFERED or row.version != version:
        return
    where, options = opened(scene, row)
    minor = int(options[n]["minor"])
    state, _ = step_quote(row.state, QuoteInput.CHOOSE)
    sealed = _sealed(scene, where, options, n)
    after = attrs.evolve(row, state=state, chosen_minor=minor, sealed=sealed)
    store.save(scene.txn, after, scene.now_ms)
    matter = _with(scene, matter, minor, 0)
    if order.terms.tips:
        _ask_tip(scene, matter, order, is_first=False)
    else:
        _ask_approval(scene, matter, order)


def _ask_tip(
    scene: Conversation, matter: OpenPayment, order: InvoiceOrder, *, is_first: bool
) -> None:
    person = matter.private.asker.person
    if person is None:
        return
    localizer = scene.localizer(person)
    details, payload = _invoice(scene, matter, order) if is_first else ((), NO_PAYLOAD)
    choices = [Choice(id=f"{TIP}0", label=localizer.text("No tip"))]
    labels = set()
    for n, tip in enumerate(order.terms.tips, 1):
        minor = tip.of(order.card.total.minor)
        label = localizer.money(minor, order.card.total.currency)
        if tip.per_mille is not None:
            label = f"{tip.per_mille / 10:g} %: {label}"
        if minor and label not in labels:
            labels.add(label)
            choices.append(Choice(id=f"{TIP}{n}", label=label))
    doc = tip_doc(details, matter.view, localizer)
    asking.ask(scene, matter, (*choices, *refusals(scene, matter, order)), doc, payload)


def _tip(scene: Conversation, matter: OpenPayment, order: InvoiceOrder, minor: int) -> None:
    row = store.lock(scene.txn, matter.payment.id)
    chosen_minor = row.chosen_minor or 0 if row is not None else 0
    _ask_approval(scene, _with(scene, matter, chosen_minor, minor), order)


def _ask_approval(scene: Conversation, matter: OpenPayment, order: InvoiceOrder) -> None:
    details, payload = _invoice(scene, matter, order)
    is_addressee = matter.private.payer.address == order.addressee
    chosen = chosen_of(scene, matter, order)
    approvals.ask_approval(
        scene, matter, details, payload, is_addressee=is_addressee, chosen=chosen
    )


def _with(
    scene: Conversation, matter: OpenPayment, chosen_minor: int, tip_minor: int
) -> OpenPayment:
    """The payment with what was chosen besides; kept."""
    payment = matter.payment
    amount_minor = _invoiced(scene, payment) + chosen_minor + tip_minor
    changed = attrs.evolve(payment, amount_minor=amount_minor, tip_minor=tip_minor)
    return files.save(scene, matter, changed)


def _invoiced(scene: Conversation, payment: Payment) -> int:
    assert payment.invoice is not None, "only invoices ask besides"  # noqa: S101 -- our bug
    file = invoice_store.lock_invoice(scene.txn, *payment.invoice)
    assert file is not None, "a payment of it refers to it"  # noqa: S101 -- a foreign key
    return file.invoice.amount_minor


def _invoice(scene: Conversation, matter: OpenPayment, order: InvoiceOrder) -> tuple[Doc, Payload]:
    """The invoice in words and for programs, above a question."""
    person = matter.private.asker.person
    if person is None:
        return (), NO_PAYLOAD
    return invoice_doc(order.card, scene.localizer(person)), {INVOICE_KEY: order.card}


def _close(scene: Conversation, matter: OpenPayment) -> None:
    person = matter.private.asker.person
    if person is not None:
        words = scene.localizer(person).text("This question was replaced by the one below.")
        _close_with(scene, matter, words)


def _close_with(scene: Conversation, matter: OpenPayment, words: str) -> None:
    person = matter.private.asker.person
    if person is not None:
        scene.close(matter.payment.id, person, words)


def _sealed(
    scene: Conversation,
    where: str,
    options: Sequence[Mapping[str, Any]] = (),
    chosen: int | None = None,
) -> bytes:
    """Where to, what was offered, and the place among it of what was chosen; sealed."""
    return scene.vault.seal({"place": where, "options": list(options), "chosen": chosen})


def refusals(scene: Conversation, matter: OpenPayment, order: InvoiceOrder) -> tuple[Choice, ...]:
    """How a payer can say no to an invoice before they are asked to approve it."""
    person = matter.private.asker.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    localizer = scene.localizer(person)
    choices: tuple[Choice, ...] = (Choice(id=DECLINE, label=localizer.text("Do not pay")),)
    if person == order.addressee:
        choices = (*choices, Choice(id=OBJECT, label=localizer.text("Object")))
    return choices
