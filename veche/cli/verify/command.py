"""`veche verify`: whether a receipt, acts or a signed PDF hold, for anybody, without our services.

All that is needed is the file, and a key of the ledger or log of acts that signed it or the root of
the authority. With ``--online`` the site of that ledger or log is asked for its keys and for its
newest published head.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.cli.verify.acts import WORDS as ACT_WORDS
from veche.cli.verify.acts import TwoLogsError, acts_offline, acts_online
from veche.cli.verify.evidence import verify_evidence
from veche.cli.verify.heads import FalseHeadsError, UnknownLedgerError, verify_heads
from veche.cli.verify.published import NotThereError, OtherHistoryError, Site, SiteError, site_of
from veche.cli.verify.signed_files import add_distrust, verify_pdf
from veche.cli.verify.witnesses import TooFewWitnessesError, check_enough, witness_words
from veche.contracts.payments.ledger_heads import read_copy
from veche.contracts.payments.receipt import (
    Fault,
    ReceiptError,
    Verified,
    read_receipt,
    signers_of,
    verify_receipt,
)
from veche.documents.signed_file import is_signed_file
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError
from veche.protocol.money import as_decimal_text
from veche.transparency.act_proof import ACTS_FILE_BYTES_MAX, ActFault, ActProofError, read_acts
from veche.transparency.notes import VerifierKey, read_verifier_key

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from veche.transparency.notes import Checkpoint

HOLDS: Final = 0
FALSE: Final = 1
NOBODY_KNOWS: Final = 3

_WORDS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NOT_A_RECEIPT: "This is no receipt",
        Fault.UNKNOWN_SIGNER: (
            "Nobody can tell: no key of its signer is known. Give the key with --key, or ask the"
            " signer's site with --online"
        ),
        Fault.WRONG_SIGNATURE: "False: it was changed, or its signer never signed it",
        Fault.OTHER_ENTRY: "False: the ledger's entry in it is not that of this payment",
        Fault.NOT_IN_BLOCK: "False: the ledger's block in it does not have its entry",
        Fault.BAD_HEAD: "The published head beside it is none that its signer has signed",
        Fault.NOT_PUBLISHED: (
            "False: the ledger that its signer has published does not have its block. Keep both:"
            " they prove that there are two ledgers"
        ),
    }
)


@attrs.frozen
class _Checked:
    """A receipt that holds, and what the site of its ledger says besides."""

    verified: Verified
    remark: str = ""


class _EmptyFileError(Exception):
    """There is nothing in the file."""


class _TwoLedgersError(Exception):
    """The head in the file is not the beginning of the newest one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche verify`."""
    parser.description = (
        f"{parser.description} Of a receipt its signature, the entry of the ledger, its block and"
        " the published head are checked; of a copy of the room in which a ledger's heads are"
        " posted that all are of one ledger; of acts, as the export of a case has them, the"
        " organisation's signature, what each commits to, its place in the log and the signed head;"
        " of a PDF or a container (.asice) every byte, its signatures, certificates and time"
        " stamps. Exit code 0: it holds; 1: it is false, or none; 3: nobody can tell, or not all is"
        " proven."
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="the receipt or export (JSON), the copy of a room, the PDF or the container",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="key of a ledger, a log of acts or a witness that you believe, <name>+<id>+<base64>;"
        " may be repeated",
    )
    parser.add_argument(
        "--needed",
        type=int,
        default=0,
        metavar="COUNT",
        help="how many of the witnesses whose keys you give must have signed the head of a receipt"
        " or of acts (default: it is only said who did)",
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="certificate of an authority that you believe, for signed files; may be repeated",
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="ask the site that the file names for its keys and its newest head; ask where the"
        " certificates in a signed file say whether they were revoked",
    )
    parser.add_argument(
        "--json", action="store_true", help="write the report on a signed file as JSON"
    )
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="SIGNED",
        help="FILE is a report on signatures: check what it says against this signed file; or "
        "the other way round",
    )
    parser.add_argument(
        "--site",
        metavar="URL",
        help="ask this site instead, https://…; with --online. Of signed files: believe the"
        " authority of this site, and those that its operator names",
    )
    add_distrust(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run `veche verify`: 0 if the file holds, 1 if not, 3 if nobody can tell."""
    if arguments.evidence is not None:
        signed, roots = arguments.evidence, arguments.root
        online, site = arguments.online, arguments.site
        return verify_evidence(arguments.file, signed, roots, is_online=online, site=site)
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    try:
        data = _read(arguments.file)
        if is_signed_file(data):
            return verify_pdf(
                arguments.file,
                arguments.root,
                is_online=arguments.online,
                is_json=arguments.json,
                site=arguments.site,
                distrusted=dict(arguments.distrust),
            )
        report = _verified(data, arguments)
    except ReceiptError as e:
        sys.stderr.write(f"{arguments.file}: {_WORDS[e.fault]} ({e}).\n")
        return NOBODY_KNOWS if e.fault is Fault.UNKNOWN_SIGNER else FALSE
    except ActProofError as e:
        sys.stderr.write(f"{arguments.file}: {ACT_WORDS[e.fault]} ({e}).\n")
        return NOBODY_KNOWS if e.fault is ActFault.UNKNOWN_SIGNER else FALSE
    except (_EmptyFileError, _TwoLedgersError, TwoLogsError, FalseHeadsError) as e:
        sys.stderr.write(f"{arguments.file}: {e}\n")
        return FALSE
    except (
        OSError,
        SiteError,
        MalformedError,
        UnknownLedgerError,
        TooFewWitnessesError,
    ) as e:
        sys.stderr.write(f"{arguments.file}: it could not be checked: {e}\n")
        return NOBODY_KNOWS
    sys.stdout.write(report)
    return HOLDS


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(ACTS_FILE_BYTES_MAX + 1)
    if not data:
        raise _EmptyFileError("This file is empty: there is nothing in it.")
    return data


def _verified(data: bytes, arguments: argparse.Namespace) -> str:
    """What is told of a receipt or of acts that hold."""
    keys = [read_verifier_key(text) for text in arguments.key]
    if (acts := read_acts(data)) is not None:
        if arguments.online:
            return acts_online(acts, keys, arguments.site, arguments.needed)
        return acts_offline(acts, keys, arguments.needed)
    if (heads := read_copy(data)) is not None:
        return verify_heads(heads, keys, arguments.site, is_online=arguments.online)
    receipt = read_receipt(data)
    if arguments.online:
        checked = _online(receipt, keys, arguments.site)
    else:
        checked = _Checked(verify_receipt(receipt, keys))
    check_enough(checked.verified.cosigned, keys, arguments.needed)
    return _report(checked, keys)


def _online(receipt: Mapping[str, Any], keys: Sequence[VerifierKey], url: str | None) -> _Checked:
    """Verify with the keys and the newest head of the site of the ledger."""
    site = Site(url) if url is not None else site_of(signers_of(receipt))
    known = [*keys, *site.keys()]
    offline = verify_receipt(receipt, known)
    if offline.published is not None:
        _check_history(site, known, offline.published)
    try:
        proof = site.proof(offline.receipt.id)
    except NotThereError as e:
        site.newest(0, known)  # else it is no site that could have it
        raise _TwoLedgersError(
            f"False: its signer's ledger of today has no such payment ({site.url}): it is another"
            " one, or an older backup of it was restored. Keep the receipt: it proves that the"
            " payment was made."
        ) from e
    if proof is None:
        return _Checked(offline, "its block is not published yet: try again in 10 seconds")
    verified = verify_receipt(receipt, known, proof)
    return _Checked(verified, f"asked {site.url}")


def _check_history(site: Site, keys: Sequence[VerifierKey], old: Checkpoint) -> None:
    """Make sure that the head that the file has is the beginning of the newest one."""
    try:
        site.later(old, keys)
    except OtherHistoryError as e:
        raise _TwoLedgersError(
            f"False: the head in the file is not the beginning of the ledger of today: {e}. Keep"
            " both: they prove that there are two ledgers."
        ) from e


def _report(checked: _Checked, given: Sequence[VerifierKey]) -> str:
    verified, receipt = checked.verified, checked.verified.receipt
    block = receipt.ledger_proof.block
    at = dt.datetime.fromtimestamp(receipt.at_ms // 1000, tz=dt.UTC)
    head = verified.published
    between = receipt.between
    published = f"yes, in a head of {head.size} blocks" if head is not None else "not shown"
    lines = {
        "payee": receipt.payee,
        "amount": f"{as_decimal_text(receipt.amount)} {receipt.amount.currency}",
        "reference": receipt.reference,
        "time": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "receipt": receipt.id,
        "refund of": receipt.refund_of or "",
        "institutions": f"{between.payer} to {between.payee}" if between is not None else "",
        "signed by": verified.origin,
        "entry": f"{receipt.ledger_proof.index + 1} of {block.n} in block {block.seq}",
        "published": ", ".join(filter(None, (published, checked.remark))),
        "witnesses": witness_words(verified.cosigned, "blocks", given),
    }
    facts = "".join(f"{name:<10} {_plain(value)}\n" for name, value in lines.items() if value)
    return f"{facts}It holds.\n"


def _plain(text: str) -> str:
    """On one line of a terminal, without what would turn or hide a part of it."""
    return showable(text).replace("\n", " ")
