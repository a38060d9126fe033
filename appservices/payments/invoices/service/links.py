"""Links to what is to be paid, and the same as codes to scan."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from appservices.payments.formats.core import links
from appservices.payments.formats.core.links import HASH_CHARACTERS, PayLink, PersonLink
from veche.protocol.canonical import canonical
from veche.protocol.ids import Ulid
from veche.runtime.files.qr_codes import draw_svg

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.contracts.payments.invoice import InvoiceCard
    from veche.protocol.money import Money


def hash_of(card: InvoiceCard) -> str:
    """Return the part of an invoice's SHA-256 in its link: proof that somebody got the link."""
    data = card.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(canonical(data, where="invoice")).hexdigest()[:HASH_CHARACTERS]


def pay_url(scene: Conversation, card: InvoiceCard) -> str:
    """The page on which an invoice is paid; the chat with the bot where there are no pages."""
    if scene.links is None:
        return f"https://matrix.to/#/{scene.sender.bot.user_id}"
    return scene.links.page("pay", fragment=f"{card.id}.{card.version}.{hash_of(card)}")


def scanned_url(scene: Conversation, card: InvoiceCard) -> str:
    """The same as a code says it, in the form that ``links.read_ours`` reads."""
    if scene.links is None:
        return pay_url(scene, card)
    link = PayLink(scene.links.host, Ulid(card.id), card.version, hash_of(card))
    return links.write_ours(link)


def person_url(scene: Conversation, payee: str, amount: Money | None, reference: str) -> str | None:
    """The page on which somebody is paid; None where there are no pages.

    Args:
        scene: The transaction.
        payee: Whom to pay: a person, or an organisation by its id.
        amount: How much; None: the payer says.
        reference: Purpose; may be empty.
    """
    if scene.links is None:
        return None
    return links.write_person(
        PersonLink(
            scene.links.host,
            payee,
            None if amount is None else amount.minor,
            "" if amount is None else amount.currency,
            reference,
        )
    )


def drawn(text: str) -> str:
    """A text as a QR code, SVG."""
    return draw_svg(text).decode()
