"""Payments in the demo of `veche up`: the town's bank, a bank of its own, a shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.demo.bank import DemoBank
from appservices.payments.demo.shop import NETWORKS, DemoShop
from veche.server.demo import (
    ALICE,
    BANK,
    BANK_NAME,
    BOB,
    CAROL,
    SERVER_NAME,
    TOWN,
    TOWN_NAME,
    DemoPart,
    protected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.server.demo import Place

PAYMENTS_BOT: Final = f"@veche_payments:{SERVER_NAME}"
"""The bot of the town's bank, by which people pay one another."""

NEWCOMER_GRANT: Final = "100 EUR"
"""What everybody begins with who makes an account; the app says so first."""


def demo(place: Place) -> DemoPart:
    """Bring the town's bank, which has an account at a bank of its own, and a shop with keys."""
    bank = DemoBank(place.folder / "bank", place.port)
    shop = DemoShop(place.folder / "shop", place.pages_url)
    section = payments_section(place.key(TOWN, "bank"), [bank.section], shop.section)
    section["avatar"] = str(place.examples / "pictures" / "bank.png")
    seal_key = place.key(BANK, "authority")
    section["newcomer_grant"] = NEWCOMER_GRANT
    section["seal"] = {"url": place.pages_url, "key_path": str(seal_key)}
    return DemoPart(
        {"payments": section},
        to_try=_to_try(bank),
        notes=(
            "A shop with keys for the payments API, to try in a shell:",
            f"     . {shop.write()}",
            "     docs/guides/merchants/start.md goes on from there.",
        ),
        official=protected(shop.section["name"], PAYMENTS_BOT),
        program=bank.program(),
    )


def payments_section(
    town_key: Path | None = None,
    banks: Sequence[Mapping[str, Any]] = (),
    shop: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the section ``payments``: the town's bank, with some money to try it out.

    Args:
        town_key: Path of the file with the town's key; None: it asks for nothing over HTTP.
        banks: Where it has accounts itself.
        shop: Of ``organisations``, which begins with money too, for what it pays out; None: there
            is none.
    """
    keys = [{"path": str(town_key), "scopes": ["invoice", "refund", "read"]}]
    town = {"id": TOWN, "name": dict(TOWN_NAME), "kind": "office", "keys": keys}
    organisations = [] if town_key is None else [town]
    grants = {ALICE.user_id: "1000 EUR", BOB.user_id: "100 EUR"}
    more: dict[str, Any] = {}
    if shop is not None:
        organisations.append(dict(shop))
        grants[shop["id"]] = "1000 EUR"
        more["webhook_networks"] = list(NETWORKS)
    return {
        "id": BANK,
        "name": dict(BANK_NAME),
        "time_zone": "Europe/Berlin",
        "currencies": ["EUR"],
        "organisations": organisations,
        "dispute_desk": [CAROL.user_id],
        "banks": [dict(one) for one in banks],
        "grants": grants,
        **more,
    }


def _to_try(bank: DemoBank) -> Sequence[Sequence[str]]:
    return (
        (
            "Alice has 1,000 EUR, Bob and everybody new 100. As alice, start a direct chat",
            f"with the bank, {PAYMENTS_BOT}. Write page, make a key in the",
            "browser, then write: pay bob 12.50 EUR rent. Bob is told in a chat of his own.",
        ),
        (
            "Write topup there: money comes from the demo's bank with the reference that is",
            "shown, here as if somebody sent it from elsewhere:",
            *bank.deposit(),
        ),
    )
