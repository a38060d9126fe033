"""A payout that a restored backup has forgotten: whose it was approves again what the bank paid.

The operator says whose it was; only a key of theirs lets the ledger take the money.
"""

from __future__ import annotations

import base64
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from appservices.payments.banks.service import suspense
from appservices.payments.banks.store import banks as bank_store
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.paying.service import paying
from appservices.payments.payouts import service as payouts
from appservices.payments.payouts.core import OWNER_CHARACTERS_MAX, PayoutOrder
from appservices.payments.payouts.texts import paid_out_doc
from veche.bots import ChatJob
from veche.contracts.payments.receipt import REFERENCE_CHARACTERS_MAX
from veche.protocol.approval import showable
from veche.protocol.errors import ConflictError, NotFoundError
from veche.protocol.ids import UserId
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)


class AskPayer(ChatJob[Parts]):
    """Asks whose payout a line of a bank was to approve it again."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Ask, or leave an alarm for the operator."""
        scene, asked = self._parts.conversation(txn, job.id, now_ms), job.payload
        why = _ask(scene, asked)
        if why is not None:
            logger.warning("bank %s: look at %s", asked["bank"], asked["line"])
            problem = f"whose payout it was is not asked: {why}"
            bank_store.add_alarm(txn, asked["bank"], asked["line"], problem, now_ms)


def _ask(scene: Conversation, asked: Mapping[str, str]) -> str | None:
    """Ask for the approval; why that cannot be, or None."""
    person = UserId(asked["person"])
    try:
        [line] = suspense.find(scene.txn, [asked["line"]], asked["bank"])
        suspense.check_went(scene.txn, line)
    except (ConflictError, NotFoundError) as e:
        return str(e)
    room_id = scene.chat_of(person)
    if room_id is None:
        return "they have no chat with the bot"
    currency = {n: code for code, n in holders.currencies(scene.txn).items()}[line.ledger]
    # What a bank passes on may be by anybody.
    told = scene.vault.open(line.sealed)
    said = {name: " ".join(showable(text).split()) for name, text in told.items()}
    wanted = PayoutOrder(
        Money(minor=-line.signed_minor, currency=currency),
        said.get("account") or line.key,
        (said.get("name") or line.key)[:OWNER_CHARACTERS_MAX],
        (said.get("reference") or said.get("text") or "")[:REFERENCE_CHARACTERS_MAX],
    )
    order = {
        "bank": line.bank,
        "line": line.key,
        "note": base64.b64decode(asked["note"]).hex(),
    }
    matter = payouts.new(scene, person, room_id, wanted, line.bank, kept=order)
    why = paying.hopeless(scene, matter.payment)
    if why is None:
        noon = dt.datetime.combine(line.booked_on, dt.time(12), dt.UTC)
        booked_at_ms = int(noon.timestamp()) * 1000
        paying.begin(scene, matter, paid_out_doc(booked_at_ms, scene.localizer(person)))
    return why
