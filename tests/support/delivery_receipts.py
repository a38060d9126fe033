"""Receipts of delivery, true and false ones, for the command and for the page."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from appservices.agency.deliveries.core import DELIVERY_KEY
from tests.support.acts import LOG, OTHER_LOG

WORDS: Final = "Refused: you have no right."
ACCEPTED: Final = {"stage": "accepted", "how": "outbox", "at_ms": 1_764_000_000_000}
DELIVERED: Final = {"stage": "delivered", "how": "acknowledged", "at_ms": 1_764_000_001_000}
DEEMED: Final = {"stage": "deemed", "how": "rule", "at_ms": 1_764_400_000_000}
BODY: Final[dict[str, Any]] = {
    "v": 1,
    "id": "01KAV00000000000000000000A",
    "organisation": LOG.verifier.name.rpartition("/")[2],
    "sender": "@veche_org_lindenau_records:example.org",
    "recipient": "@alice:far.example",
    "case": "ABCDEFGH",
    "event_id": "$event",
    "sha256": hashlib.sha256(WORDS.encode()).hexdigest(),
    "of": "text",
    "evidence": "module",
    "rule": {"after": "delivered", "days": 4, "law": "§ 41 (2) VwVfG"},
    "stages": [ACCEPTED, DELIVERED],
    "at_ms": 1_764_400_001_000,
}


def receipt(**changes: Any) -> dict[str, Any]:
    """A receipt that the organisation has signed, whatever it says."""
    return LOG.sign_object({DELIVERY_KEY: {**BODY, **changes}})


def for_pages() -> dict[str, Any]:
    """Files by what is found out about them."""
    good = receipt()
    wrong = {**good, DELIVERY_KEY: {**good[DELIVERY_KEY], "sha256": "0" * 64}}
    return {
        "good": good,
        "served": receipt(stages=[ACCEPTED, DELIVERED, DEEMED]),
        "false": {
            "unknown_signer": OTHER_LOG.sign_object({DELIVERY_KEY: BODY}),
            "wrong_signature": wrong,
            "other_signer": receipt(organisation="riverton"),
            "not_delivery": receipt(stages=[DELIVERED]),
        },
        "impossible": [
            receipt(stages=[ACCEPTED, ACCEPTED]),
            receipt(stages=[ACCEPTED, {**DELIVERED, "how": "answer"}]),
            receipt(stages=[ACCEPTED, DEEMED], rule=None),
            receipt(evidence="absent"),
            receipt(event_id=None),
            receipt(sha256="A" * 64),
            receipt(v=2),
            receipt(of="both"),
            receipt(stages=[{**ACCEPTED, "at_ms": -1}]),
            receipt(stages=[]),
        ],
    }
