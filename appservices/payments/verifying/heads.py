"""`veche verify` of the copy of a room in which a ledger's heads were posted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.proofs.core.heads import (
    TwoLedgersError,
    is_chain,
    open_copy,
    read_copy,
    unproven,
)
from appservices.payments.verifying.receipts import WELL_KNOWN
from veche.contracts.payments.ledger_heads import LedgerHeads
from veche.protocol.errors import BadSignatureError
from veche.runtime.verifying.published import OtherHistoryError, Site, site_of
from veche.runtime.verifying.words import (
    FalseFileError,
    OtherFileError,
    UncheckedError,
    facts_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.proofs.core.heads import Copied
    from veche.runtime.verifying.words import Asked
    from veche.transparency.notes import VerifierKey

ASKED_MAX: Final = 200
"""Heads for which a site is asked."""


def verify(data: bytes, asked: Asked) -> str:
    """Say what the copy of a room proves, in words.

    Raises:
        FalseFileError: It is false, or the ledger is another one than stood in the room.
        UncheckedError: Nobody can tell.
        MalformedError: It has something that is no head.
    """
    if (found := read_copy(data)) is None:
        raise OtherFileError("There are no heads of a ledger in this file.")
    try:
        return _online(found, asked) if asked.is_online else _report(_opened(found, asked.keys), {})
    except TwoLedgersError as e:
        words = f"False: {e}\nKeep both: they prove that there are two ledgers."
        raise FalseFileError(words) from e
    except BadSignatureError as e:
        words = f"False: a head in it is none that its ledger has signed ({e})."
        raise FalseFileError(words) from e


def _online(found: Sequence[LedgerHeads | str], asked: Asked) -> str:
    """The same, with the keys and the newest head of the site of the ledger."""
    site = Site(asked.site) if asked.site is not None else site_of(_posters(found))
    site_keys = site.keys(WELL_KNOWN)
    known = [*asked.keys, *site_keys]
    ledgers = _opened(found, known)
    remarks = {}
    for origin in {key.name for key in site_keys} & ledgers.keys():
        unknown = unproven(ledgers[origin])
        for one in unknown[-ASKED_MAX:]:
            _check(site, known, one)
        remarks[origin] = f"asked {site.url}" + _left_out(len(unknown))
    return _report(ledgers, remarks)


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
        raise UncheckedError(
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
    return facts_text(facts)
