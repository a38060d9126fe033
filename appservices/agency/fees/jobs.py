"""Fees outside transactions: invoices made and taken back, and what became of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core.case import Fee, FeeState
from appservices.agency.cases.core.inputs import FeeAsked, FeeFailed, FeePaid, FeeRefunded, Input
from appservices.agency.cases.service.cases import (
    case_of,
    definition_of,
    locked_case,
    step_file,
    take_step,
)
from appservices.agency.cases.service.conversation import OfficeParts
from appservices.agency.cases.service.event_poller import EventPoller
from appservices.agency.cases.texts.words import state_words
from appservices.agency.fees import store as fee_store
from appservices.agency.fees.service import ASK_FEE, GIVE_UP_FEE, invoice_of_fee
from veche.bots import ChatJob
from veche.contracts.payments.act_offer import ActOffer
from veche.contracts.payments.invoice_api import PAID, REFUNDED
from veche.protocol.acts import ActReceipt
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.fees.client import InvoicingClient
    from veche.contracts.payments.invoice_api import InvoiceBody, InvoiceEvent
    from veche.messaging.jobs import Job, JobHandler
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

_HEARD: Final[Mapping[str, Callable[[int], Input]]] = {PAID: FeePaid, REFUNDED: FeeRefunded}
"""What an event is to the case; others change nothing there."""
_DIGITS_MAX: Final = 10
"""Of the number of a fee, so that the database can have it."""


def fee_handlers(parts: OfficeParts, invoicing: InvoicingClient | None) -> dict[str, JobHandler]:
    """The handlers of jobs about fees.

    Args:
        parts: Of the office.
        invoicing: Where its fees are paid; None: it takes none.
    """
    return {ASK_FEE: _AskFee(parts, invoicing), GIVE_UP_FEE: _GiveUpFee(parts, invoicing)}


class _FeeHandler(ChatJob[OfficeParts]):
    def __init__(self, parts: OfficeParts, invoicing: InvoicingClient | None) -> None:
        super().__init__(parts)
        self._client = invoicing

    @property
    def _invoicing(self) -> InvoicingClient:
        if self._client is None:
            organisation = self._parts.section.organisation
            raise RefusedError(f"{organisation} has no institution that is paid")
        return self._client

    def _case(self, txn: Cursor, job: Job, now_ms: int) -> tuple[Conversation, CaseFile]:
        """The case of a job, locked."""
        return self._parts.conversation(txn, job.id, now_ms), case_of(txn, job)


class _AskFee(_FeeHandler):
    """Has the invoice of a fee made."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        invoicing = self._invoicing
        body = await self._host.database.run("agency.fee", self._read, job)
        view = await invoicing.make_invoice(body, body.ours)
        return {"invoice": view.id, "reference": view.reference, "url": view.pay_url}

    def _read(self, txn: Cursor, job: Job) -> InvoiceBody:
        scene, file = self._case(txn, job, self._host.now_ms())
        fee, language = _fee(file, job), job.payload["language"]
        body = invoice_of_fee(file, definition_of(scene, file), fee, language)
        receipt = job.payload.get("act")
        if receipt is None:
            return body  # of a job from before there were such acts
        act = ActOffer(receipt=ActReceipt.model_validate(receipt))
        return body.model_copy(update={"act": act})

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene, file = self._case(txn, job, now_ms)
        fee = _fee(file, job)
        fee_store.keep_fee(txn, file.case.id, fee.number, result["invoice"])
        if fee.state is FeeState.GIVEN_UP:
            # The case ended while the invoice was made.
            locked_case(scene, file).send_off(GIVE_UP_FEE, {"number": fee.number})
            return
        step_file(scene, file, FeeAsked(fee.number, result["reference"], result["url"]))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        scene, file = self._case(txn, job, now_ms)
        step_file(scene, file, FeeFailed(job.payload["number"], str(error)))


class _GiveUpFee(_FeeHandler):
    """Has the invoice of a fee taken back; one that is not made yet is when it is."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        invoicing = self._invoicing
        invoice_id, reason = await self._host.database.run("agency.fee", self._read, job)
        if invoice_id is not None:
            await invoicing.withdraw(invoice_id, reason, f"{invoice_id}.back")
        return {}

    def _read(self, txn: Cursor, job: Job) -> tuple[str | None, str]:
        scene, file = self._case(txn, job, self._host.now_ms())
        number, localizer = job.payload["number"], scene.localizer(file.person)
        state = state_words(file.case.state, localizer)
        reason = localizer.text(
            "Your case {number}: {state}.", number=file.case.number, state=state
        )
        return fee_store.invoice_of_fee(txn, file.case.id, number), reason

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """The institution tells of the rest by events."""

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """The invoice stays: somebody has to look."""
        logger.error("the invoice of %s is not taken back: %s", job.payload["case"], error)


@attrs.frozen
class InvoiceEventPoller(EventPoller):
    """Hears what became of the invoices of one organisation, and lets its cases go on.

    Attributes:
        invoicing: Where they are paid.
    """

    invoicing: InvoicingClient

    async def follow(self) -> None:
        """Hear for ever."""
        await self.poll("fees", self._round)

    async def _round(self) -> None:
        run = self.host.database.run
        after = await run("agency.fee cursor", fee_store.payment_cursor, self.organisation)
        for event in (await self.invoicing.events(after)).events:
            await run("agency.fee news", self.hear, event, self.host.now_ms())

    def hear(self, txn: Cursor, event: InvoiceEvent, now_ms: int) -> None:
        """Let an event happen to its case: once, whoever hears it and how often."""
        if not fee_store.move_payment_cursor(txn, self.organisation, event.n):
            return
        case_id, _, number = event.ours.rpartition(".")
        heard = _HEARD.get(event.type)
        office = self.office_of(txn, case_id)
        is_number = number.isdecimal() and len(number) < _DIGITS_MAX
        if heard is not None and is_number and office is not None:
            if fee_store.invoice_of_fee(txn, case_id, int(number)) not in {None, event.invoice}:
                # Whoever makes invoices of this organisation chooses their numbers.
                logger.warning("invoice %s is not that of fee %s", event.invoice, event.ours)
                return
            cause = f"payment event {self.organisation} {event.n}"
            scene = office.conversation(txn, cause, now_ms)
            take_step(scene, case_id, heard(int(number)))


def _fee(file: CaseFile, job: Job) -> Fee:
    number = job.payload["number"]
    return next(fee for fee in file.case.fees if fee.number == number)
