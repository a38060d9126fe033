"""An institution's public description: its address and keys, signed by the first key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.config import PaymentsSection
    from veche.transparency.notes import NoteSigner, VerifierKey

PAYMENTS_PATH: Final = "/_veche/payments/v1"
GOOD_MS: Final = 24 * 3_600_000
"""How long it may be believed: no older answer can be passed off as the present one."""


def described(  # noqa: PLR0913 -- what is told
    section: PaymentsSection,
    signer: NoteSigner,
    keys: Sequence[VerifierKey],
    *,
    server: str,
    url: str,
    paths: tuple[str, str],
    bot: str,
    heads_room: str | None,
    witnesses: Sequence[VerifierKey] = (),
    now_ms: int,
) -> dict[str, Any]:
    """An envelope, signed in the name of the institution's ledger.

    Args:
        section: The institution.
        signer: Of its receipts.
        keys: What its receipts and heads are checked with, the present one first.
        server: Of its homeserver.
        url: Origin of its public site.
        paths: Of its API there, and of the one for other institutions.
        bot: Matrix id of its bot.
        heads_room: Address of the room in which its heads are posted; None: there is none.
        witnesses: Keys of those who vouch for its heads.
        now_ms: UTC.
    """
    room = {} if heads_room is None else {"heads_room": heads_room}
    return signer.sign_object(
        {
            **room,
            "v": 1,
            "server": server,
            "url": url,
            "api": paths[0],
            "peers": paths[1],
            "bot": bot,
            "currencies": list(section.currencies),
            "keys": [key.to_text() for key in keys],
            "witnesses": [key.to_text() for key in witnesses],
            "until_ms": now_ms + GOOD_MS,
        }
    )
