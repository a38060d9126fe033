"""`veche verify` of acts: what an organisation did, as the export of a case proves it."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from veche.cli.verify.published import OtherHistoryError, Site, site_of
from veche.cli.verify.witnesses import check_enough, witness_words
from veche.contracts.payments.receipt import signers_of
from veche.protocol.approval import showable
from veche.transparency.act_proof import ActFault, ProvenActs, verify_acts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.transparency.act_proof import ActOpening
    from veche.transparency.notes import VerifierKey

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


class TwoLogsError(Exception):
    """The head in the file is not the beginning of the newest one."""


def acts_offline(file: Mapping[str, Any], keys: Sequence[VerifierKey], needed: int) -> str:
    """What a file of acts proves, in words.

    Args:
        file: As it was read.
        keys: Of logs and witnesses that are believed.
        needed: How many of these witnesses must have signed.

    Raises:
        ActProofError: It proves nothing, or nobody can tell.
        TooFewWitnessesError: Fewer witnesses have signed.
    """
    proven = verify_acts(file, keys)
    check_enough(proven.cosigned, keys, needed)
    return _report(proven, "in the file", keys)


def acts_online(
    file: Mapping[str, Any], keys: Sequence[VerifierKey], url: str | None, needed: int
) -> str:
    """The same, with the keys and the newest head of the site of the log.

    Raises:
        TooFewWitnessesError: Fewer witnesses have signed.
        ActProofError: It proves nothing, or nobody can tell.
        TwoLogsError: The site has signed another log.
        SiteError: The site cannot be asked.
    """
    names = [name for name in signers_of(file) if _MARK in name]
    site = Site(url) if url is not None else site_of(names)
    organisation = names[0].rpartition("/")[2] if names else ""
    known = [*keys, *site.act_keys(organisation)]
    proven = verify_acts(file, known)
    try:
        site.later(proven.head, known)
    except OtherHistoryError as e:
        raise TwoLogsError(
            f"False: the head in the file is not the beginning of the log of today: {e}. Keep both:"
            " they prove that there are two logs."
        ) from e
    check_enough(proven.cosigned, keys, needed)
    return _report(proven, f"asked {site.url}", keys)


def _report(proven: ProvenActs, remark: str, given: Sequence[VerifierKey]) -> str:
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
        "witnesses": witness_words(proven.cosigned, "acts", given),
    }
    lines = [f"{name:<10} {_plain(value)}\n" for name, value in facts.items() if value]
    return "".join([*lines, *map(_line, acts), "It holds.\n"])


def _line(act: ActOpening) -> str:
    at = dt.datetime.fromtimestamp(act.ts // 1000, tz=dt.UTC)
    why = f" ({act.why})" if act.why else ""
    told = _plain(f"{act.act}, {act.actor}: {act.basis}{why}")
    return f"{act.seq:>6}  {at:%Y-%m-%d %H:%M} UTC  {told}\n"


def _plain(text: str) -> str:
    """On one line of a terminal, without what would turn or hide a part of it."""
    return showable(text).replace("\n", " ")
