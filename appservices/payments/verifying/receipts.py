"""`veche verify` of a receipt: its signature, the entry of the ledger, its block, the heads."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.proofs.core.receipts import (
    Fault,
    ReceiptError,
    Verified,
    read_receipt,
    verify_receipt,
)
from veche.protocol.money import as_decimal_text
from veche.runtime.verifying.published import (
    NotThereError,
    OtherHistoryError,
    Site,
    TooEarlyError,
    site_of,
)
from veche.runtime.verifying.words import (
    FalseFileError,
    NobodyKnowsError,
    OtherFileError,
    check_enough,
    facts_text,
    witness_words,
)
from veche.transparency.notes import signers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.verifying.words import Asked
    from veche.transparency.notes import Checkpoint, VerifierKey

WELL_KNOWN: Final = "/.well-known/veche/payments"
"""Where a site says what the keys of its ledger are."""
WORDS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NOT_A_RECEIPT: "This is no receipt",
        Fault.UNKNOWN_SIGNER: (
            "Nobody can tell: no key of its signer is known. Give the key with --key, or ask the"
            " signer's site with --online"
        ),
        Fault.WRONG_SIGNATURE: "False: it was changed, or its signer never signed it",
        Fault.OTHER_ENTRY: "False: the ledger's entry in it is not that of this payment",
        Fault.NOT_IN_BLOCK: "False: the ledger's block in it does not have its entry",
        Fault.BAD_HEAD: "The published head beside it is none that its signer has signed",
        Fault.NOT_PUBLISHED: (
            "False: the ledger that its signer has published does not have its block. Keep both:"
            " they prove that there are two ledgers"
        ),
    }
)
_ERRORS: Final[Mapping[Fault, type[Exception]]] = MappingProxyType(
    {Fault.NOT_A_RECEIPT: OtherFileError, Fault.UNKNOWN_SIGNER: NobodyKnowsError}
)


def verify(data: bytes, asked: Asked) -> str:
    """Say what a receipt proves, in words.

    Raises:
        FalseFileError: It is false, or there are two ledgers.
        NobodyKnowsError: Nobody can tell.
    """
    try:
        receipt = read_receipt(data)
        if asked.is_online:
            verified, remark = _online(receipt, asked)
        else:
            verified, remark = verify_receipt(receipt, asked.keys), ""
    except ReceiptError as e:
        raise _ERRORS.get(e.fault, FalseFileError)(f"{WORDS[e.fault]} ({e}).") from e
    check_enough(verified.cosigned, asked.keys, asked.needed)
    return _report(verified, remark, asked.keys)


def _online(receipt: Mapping[str, Any], asked: Asked) -> tuple[Verified, str]:
    """Verify with the keys and the newest head of the site of the ledger; what it says besides."""
    site = Site(asked.site) if asked.site is not None else site_of(signers_of(receipt))
    known = [*asked.keys, *site.keys(WELL_KNOWN)]
    offline = verify_receipt(receipt, known)
    if offline.published is not None:
        _check_history(site, known, offline.published)
    try:
        proof = site.answer(f"proof/{offline.receipt.id}")
    except NotThereError as e:
        site.newest(0, known)  # else it is no site that could have it
        raise FalseFileError(
            f"False: its signer's ledger of today has no such payment ({site.url}): it is another"
            " one, or an older backup of it was restored. Keep the receipt: it proves that the"
            " payment was made."
        ) from e
    except TooEarlyError:
        return offline, "its block is not published yet: try again in 10 seconds"
    return verify_receipt(receipt, known, proof), f"asked {site.url}"


def _check_history(site: Site, keys: Sequence[VerifierKey], old: Checkpoint) -> None:
    """Make sure that the head that the file has is the beginning of the newest one."""
    try:
        site.later(old, keys)
    except OtherHistoryError as e:
        raise FalseFileError(
            f"False: the head in the file is not the beginning of the ledger of today: {e}. Keep"
            " both: they prove that there are two ledgers."
        ) from e


def _report(verified: Verified, remark: str, given: Sequence[VerifierKey]) -> str:
    receipt, head = verified.receipt, verified.published
    block, between = receipt.ledger_proof.block, receipt.between
    at = dt.datetime.fromtimestamp(receipt.at_ms // 1000, tz=dt.UTC)
    published = f"yes, in a head of {head.size} blocks" if head is not None else "not shown"
    facts = {
        "payee": receipt.payee,
        "amount": f"{as_decimal_text(receipt.amount)} {receipt.amount.currency}",
        "reference": receipt.reference,
        "time": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "receipt": receipt.id,
        "refund of": receipt.refund_of or "",
        "institutions": f"{between.payer} to {between.payee}" if between is not None else "",
        "signed by": verified.origin,
        "entry": f"{receipt.ledger_proof.index + 1} of {block.n} in block {block.seq}",
        "published": ", ".join(filter(None, (published, remark))),
        "witnesses": witness_words(verified.cosigned, "blocks", given),
    }
    return f"{facts_text(facts)}It holds.\n"
