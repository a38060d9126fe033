"""Every payload that may stand beside a message, by its key.

Who reads or refuses payloads (the homeserver's guard, the reference) takes them from here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.contracts.agency.case import CASE_KEY, CaseCard
from veche.contracts.agency.document import DOCUMENT_KEY, IssuedDocument
from veche.contracts.payments.invoice import INVOICE_KEY, InvoiceCard
from veche.contracts.payments.ledger_heads import HEADS_KEY, LedgerHeads
from veche.contracts.payments.receipt import RECEIPT_KEY, Receipt
from veche.contracts.signing.card import (
    SIGN_FILE_KEY,
    SIGN_REQUEST_KEY,
    SIGN_RESULT_KEY,
    SignFile,
    SignRequest,
    SignResult,
)
from veche.protocol.acts import ActReceipt
from veche.protocol.approval import APPROVAL_KEY, SignedApproval
from veche.protocol.prompts import ANSWER_KEY, PROMPT_KEY, Answer, Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {
        PROMPT_KEY: Prompt,
        ANSWER_KEY: Answer,
        APPROVAL_KEY: SignedApproval,
        CASE_KEY: CaseCard,
        DOCUMENT_KEY: IssuedDocument,
        INVOICE_KEY: InvoiceCard,
        RECEIPT_KEY: Receipt,
        HEADS_KEY: LedgerHeads,
        SIGN_REQUEST_KEY: SignRequest,
        SIGN_FILE_KEY: SignFile,
        SIGN_RESULT_KEY: SignResult,
        "org.veche.act": ActReceipt,
    }
)
