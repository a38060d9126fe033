"""Fees: asked for and given up, each with its invoice and the act by which the office asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency.language.core.definition import PayStep, ServiceDefinition
from veche.contracts.payments.invoice import InvoiceLine
from veche.contracts.payments.invoice_api import InvoiceBody, invoice_form
from veche.protocol.acts import ActClass

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Fee
    from appservices.agency.cases.core.effects import AskFee, GiveUpFee
    from appservices.agency.cases.service.locked_case import LockedCase
    from appservices.agency.cases.store import CaseFile

ASK_FEE: Final = "agency.fee"
GIVE_UP_FEE: Final = "agency.fee_back"


def invoice_of_fee(
    file: CaseFile, definition: ServiceDefinition, fee: Fee, language: str
) -> InvoiceBody:
    """The invoice of a fee: the same whenever it is made, so that its act is for it.

    Args:
        file: The case.
        definition: The service, in the version with which the case began.
        fee: Which.
        language: Of its words.
    """
    step = definition.steps[fee.step]
    if not isinstance(step, PayStep):
        raise AssertionError("a fee is asked for by such a step")  # noqa: TRY004 -- our bug
    title = step.purpose.text(language)
    return InvoiceBody(
        addressee=file.person,
        title=title,
        lines=(InvoiceLine(text=title, amount=fee.amount),),
        due_at_ms=fee.due_at_ms,
        law=step.law.text(language),
        ours=ours_of(file.case.id, fee.number),
    )


def act_of_fee(locked: LockedCase, fee: Fee, language: str) -> dict[str, Any]:
    """The receipt of the act that asking for a fee is, committed with the step that asks for it."""
    body = invoice_of_fee(locked.file, locked.definition, fee, language)
    organisation = locked.scene.sender.bot.organisation
    form = invoice_form(organisation, body)
    token = locked.scene.sender.commit(ActClass.INVOICE, form, locked.ground)
    return token.receipt.model_dump(mode="json", exclude_none=True)


def ours_of(case_id: str, number: int) -> str:
    """Return the organisation's reference for a fee's invoice, also its idempotency key."""
    return f"{case_id}.{number}"


def ask_fee(locked: LockedCase, effect: AskFee) -> None:
    """Have the invoice of a fee made; asking for it is an act of the office."""
    # The same request again must be the same: the person may choose another language meanwhile.
    language = locked.context.language
    act = act_of_fee(locked, effect.fee, language)
    locked.send_off(ASK_FEE, {"number": effect.fee.number, "language": language, "act": act})


def give_up_fee(locked: LockedCase, effect: GiveUpFee) -> None:
    """Have the invoice of a fee taken back."""
    locked.send_off(GIVE_UP_FEE, {"number": effect.number})
