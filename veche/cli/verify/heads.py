"""`veche verify` of the copy of a room in which a ledger's heads were posted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.cli.verify.published import OtherHistoryError, Site, site_of
from veche.contracts.payments.ledger_heads import (
    LedgerHeads,
    TwoLedgersError,
    is_chain,
    open_copy,
    unproven,
)
from veche.protocol.approval import showable
from veche.protocol.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.contracts.payments.ledger_heads import Copied
    from veche.transparency.notes import VerifierKey

ASKED_MAX: Final = 200
"""Heads for which a site is asked."""


class UnknownLedgerError(Exception):
    """No key is known of a ledger in the copy."""


class FalseHeadsError(Exception):
    """The copy is false, or proves that there are two ledgers."""


def verify_heads(
    found: Sequence[LedgerHeads | str],
    keys: Sequence[VerifierKey],
    url: str | None,
    *,
    is_online: bool,
) -> str:
    """What the copy of a room proves, in words.

    Args:
        found: What is in it.
        keys: Of ledgers that are believed.
        url: Of the site that is asked; None: that of the ledger's server.
        is_online: Whether the site is asked for its keys and for its newest head.

    Raises:
        FalseHeadsError: It is false, or the ledger is another one than stood in the room.
        UnknownLedgerError: Nobody can tell.
        SiteError: The site cannot be asked.
        MalformedError: It has something that is no head.
    """
    try:
        return _online(found, keys, url) if is_online else _report(_opened(found, keys), {})
    except TwoLedgersError as e:
        words = f"False: {e}\nKeep both: they prove that there are two ledgers."
        raise FalseHeadsError(words) from e
    except BadSignatureError as e:
        words = f"False: a head in it is none that its ledger has signed ({e})."
        raise FalseHeadsError(words) from e


def _online(
    found: Sequence[LedgerHeads | str], keys: Sequence[VerifierKey], url: str | None
) -> str:
    """The same, with the keys and the newest head of the site of the ledger."""
    site = Site(url) if url is not None else site_of(_posters(found))
    site_keys = site.keys()
    ledgers = _opened(found, [*keys, *site_keys])
    asked = {}
    for origin in {key.name for key in site_keys} & ledgers.keys():
        unknown = unproven(ledgers[origin])
        for one in unknown[-ASKED_MAX:]:
            _check(site, [*keys, *site_keys], one)
        asked[origin] = f"asked {site.url}" + _left_out(len(unknown))
    return _report(ledgers, asked)


def _check(site: Site, keys: Sequence[VerifierKey], one: Copied) -> None:
    try:
        site.later(one.head, keys)
    except OtherHistoryError as e:
        raise TwoLedgersError(
            f"{e}. This head is signed by its ledger too, and is not its beginning:\n\n{one.note}"
        ) from e


def _left_out(count: int) -> str:
    return f" for the last {ASKED_MAX} of {count}" if count > ASKED_MAX else ""


def _posters(found: Sequence[LedgerHeads | str]) -> list[str]:
    """The ledgers whose heads were posted."""
    notes = [one.checkpoint if isinstance(one, LedgerHeads) else one for one in found]
    return [note.partition("\n")[0] for note in notes]


def _opened(
    found: Sequence[LedgerHeads | str], keys: Sequence[VerifierKey]
) -> Mapping[str, Sequence[Copied]]:
    missing = set(_posters(found)) - {key.name for key in keys}
    if missing:
        names = ", ".join(sorted(missing))
        raise UnknownLedgerError(
            f"no key of {names} is known: give it with --key, or ask the site with --online"
        )
    return open_copy(found, keys)


def _report(ledgers: Mapping[str, Sequence[Copied]], asked: Mapping[str, str]) -> str:
    return "".join([_of(*one, asked) for one in sorted(ledgers.items())] + ["It holds.\n"])


def _of(origin: str, heads: Sequence[Copied], asked: Mapping[str, str]) -> str:
    others = {name for one in heads for name in one.signers} - {origin}
    sizes = [one.head.size for one in heads]
    proven = "each begins with the one before"
    if origin in asked:
        proven = f"the ledger of today begins with all of them ({asked[origin]})"
    elif not is_chain(heads):
        proven = "not all are shown to begin with the one before: --online asks"
    facts = {
        "ledger": origin,
        "heads": f"{len(heads)}, of {sizes[0]} to {sizes[-1]} blocks",
        "proven": proven if len(heads) > 1 or asked else "signed by the ledger",
        "seen by": ", ".join(sorted(others)),
    }
    lines = [f"{name:<10} {_plain(value)}\n" for name, value in facts.items() if value]
    return "".join(lines)


def _plain(text: str) -> str:
    return showable(text).replace("\n", " ")
