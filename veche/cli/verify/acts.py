"""`veche verify` of acts: what an organisation did, as the export of a case proves it."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from veche.runtime.verifying.published import OtherHistoryError, Site, site_of
from veche.runtime.verifying.words import (
    FalseFileError,
    NobodyKnowsError,
    OtherFileError,
    check_enough,
    facts_text,
    plain,
    witness_words,
)
from veche.transparency.act_proof import ActFault, ActProofError, ProvenActs, read_acts, verify_acts
from veche.transparency.notes import signers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.verifying.words import Asked
    from veche.transparency.act_proof import ActOpening

WELL_KNOWN: Final = "/.well-known/veche/acts"
WORDS: Final[Mapping[ActFault, str]] = MappingProxyType(
    {
        ActFault.NOT_ACTS: "This is no file of acts",
        ActFault.UNKNOWN_SIGNER: (
            "Nobody can tell: no key of the log of acts is known. Give the key with --key, or ask"
            " the organisation's site with --online"
        ),
        ActFault.WRONG_SIGNATURE: "False: it was changed, or the organisation never signed it",
        ActFault.BAD_HEAD: "False: the head in it is none that the log of acts has signed",
        ActFault.OTHER_ACT: "False: an act in it is not the one that the log has",
        ActFault.NOT_IN_LOG: (
            "False: the head that the log has signed does not have an act in it. Keep the file: it"
            " proves that there are two logs"
        ),
        ActFault.OTHER_ORDER: "False: the acts in it do not follow one another",
    }
)
_MARK: Final = "/veche/acts/"


def verify(data: bytes, asked: Asked) -> str:
    """Say what a file of acts proves, in words.

    Raises:
        FalseFileError: It proves nothing, or there are two logs.
        NobodyKnowsError: Nobody can tell.
    """
    if (file := read_acts(data)) is None:
        raise OtherFileError(f"{WORDS[ActFault.NOT_ACTS]}.")
    try:
        return _online(file, asked) if asked.is_online else _offline(file, asked)
    except ActProofError as e:
        is_known = e.fault is not ActFault.UNKNOWN_SIGNER
        words = f"{WORDS[e.fault]} ({e})."
        raise (FalseFileError if is_known else NobodyKnowsError)(words) from e


def _offline(file: Mapping[str, Any], asked: Asked) -> str:
    return _report(verify_acts(file, asked.keys), "in the file", asked)


def _online(file: Mapping[str, Any], asked: Asked) -> str:
    """The same, with the keys and the newest head of the site of the log."""
    names = [name for name in signers_of(file) if _MARK in name]
    site = Site(asked.site) if asked.site is not None else site_of(names)
    organisation = names[0].rpartition("/")[2] if names else ""
    of = f"organisation={quote(organisation, safe='')}"
    known = [*asked.keys, *site.keys(WELL_KNOWN, of)]
    proven = verify_acts(file, known)
    try:
        site.later(proven.head, known)
    except OtherHistoryError as e:
        raise FalseFileError(
            f"False: the head in the file is not the beginning of the log of today: {e}. Keep both:"
            " they prove that there are two logs."
        ) from e
    return _report(proven, f"asked {site.url}", asked)


def _report(proven: ProvenActs, remark: str, asked: Asked) -> str:
    check_enough(proven.cosigned, asked.keys, asked.needed)
    acts, head = proven.acts, proven.head
    cases = ", ".join(sorted({one.case for one in acts if one.case}))
    numbers = f" (numbers {acts[0].seq} to {acts[-1].seq} on this person)" if acts else ""
    facts = {
        "acts of": proven.organisation,
        "person": acts[0].subject if acts else "",
        "case": cases,
        "acts": f"{len(acts)}{numbers}",
        "signed by": head.origin,
        "head": f"of {head.size} acts, {remark}",
        "witnesses": witness_words(proven.cosigned, "acts", asked.keys),
    }
    return "".join([facts_text(facts), *map(_line, acts), "It holds.\n"])


def _line(act: ActOpening) -> str:
    at = dt.datetime.fromtimestamp(act.ts // 1000, tz=dt.UTC)
    why = f" ({act.why})" if act.why else ""
    told = plain(f"{act.act}, {act.actor}: {act.basis}{why}")
    return f"{act.seq:>6}  {at:%Y-%m-%d %H:%M} UTC  {told}\n"
