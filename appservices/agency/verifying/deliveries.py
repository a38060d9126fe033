"""`veche verify` of a receipt of delivery: who says how far which message has come."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from appservices.agency.deliveries.core import DELIVERY_KEY, RECEIPT_BYTES_MAX, How, read_receipt
from veche.protocol.errors import BadSignatureError, MalformedError, TooLargeError
from veche.runtime.verifying.published import Site, site_of
from veche.runtime.verifying.words import (
    FalseFileError,
    NobodyKnowsError,
    OtherFileError,
    facts_text,
)
from veche.transparency.notes import UnknownSignerError, signer_of, signers_of

if TYPE_CHECKING:
    from appservices.agency.deliveries.core import Receipt, SignedFact
    from veche.runtime.verifying.words import Asked
    from veche.transparency.notes import VerifierKey

WELL_KNOWN: Final = "/.well-known/veche/acts"
_MARK: Final = "/veche/acts/"
_HOWS: Final[Mapping[How, str]] = {
    How.OUTBOX: "the office's server took it",
    How.ACKNOWLEDGED: "the person's server acknowledged it",
    How.STORED: "stored on the server, which is the person's too",
    How.ANSWER: "the person answered it",
    How.READ_RECEIPT: "a read receipt, which the person lets count",
    How.RULE: "by the rule",
    How.REFUSED: "never sent",
}


def verify(data: bytes, asked: Asked) -> str:
    """Say what a receipt of delivery proves, in words.

    Raises:
        FalseFileError: It is false.
        NobodyKnowsError: Nobody can tell.
    """
    value = _read(data)
    names = [name for name in signers_of(value) if _MARK in name]
    keys: list[VerifierKey] = list(asked.keys)
    if asked.is_online:
        site = Site(asked.site) if asked.site is not None else site_of(names)
        organisation = names[0].rpartition("/")[2] if names else ""
        keys += site.keys(WELL_KNOWN, f"organisation={quote(organisation, safe='')}")
    try:
        signer = signer_of(value, keys)
        receipt = read_receipt(value[DELIVERY_KEY])
    except UnknownSignerError as e:
        raise NobodyKnowsError(
            "Nobody can tell: no key of the organisation is known. Give the key of its log of acts"
            f" with --key, or ask its site with --online ({e})."
        ) from e
    except (BadSignatureError, MalformedError, TooLargeError) as e:
        raise FalseFileError(f"False: it was changed, or nobody signed it so ({e}).") from e
    if _MARK not in signer or signer.rpartition("/")[2] != receipt.organisation:
        raise FalseFileError(f"False: {signer} does not speak for {receipt.organisation}.")
    return _report(receipt, signer)


def _read(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data) if len(data) <= RECEIPT_BYTES_MAX else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, Mapping) or DELIVERY_KEY not in value:
        raise OtherFileError("This is no receipt of delivery.")
    return value


def _report(receipt: Receipt, signer: str) -> str:
    served, rule = receipt.record.served, receipt.rule
    facts = {
        "message": f"{receipt.event_id or 'not sent'} ({receipt.of})",
        "sha256": receipt.sha256,
        "from": f"{receipt.sender} of {receipt.organisation}",
        "to": receipt.recipient,
        "case": receipt.case,
        "signed by": signer,
        "signed at": _moment(receipt.at_ms),
        "rule": f"{rule.days} days after {rule.after}: {rule.law}" if rule else "",
        "evidence": "" if receipt.evidence == "module" else "nobody watched other servers",
    }
    end = f"served     {_moment(served.at_ms)}" if served else "served     not yet"
    stages = "".join(map(_line, receipt.stages))
    return f"{facts_text(facts)}{stages}{end}\nIt holds: the organisation says so.\n"


def _line(fact: SignedFact) -> str:
    return f"{fact.stage:<10} {_moment(fact.at_ms)}, {_HOWS[How(fact.how)]}\n"


def _moment(at_ms: int) -> str:
    try:
        at = dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return "at no time that there is"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
