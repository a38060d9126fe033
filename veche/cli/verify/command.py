"""`veche verify`: whether a receipt, acts or a signed PDF hold, for anybody, without our services.

All that is needed is the file, and a key of the log that signed it or the root of the authority.
With ``--online`` the site of that log is asked for its keys and for its newest published head.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.cli.verify import acts
from veche.cli.verify.evidence import verify_evidence
from veche.cli.verify.signed_files import add_distrust, verify_pdf
from veche.documents.signed_file import is_signed_file
from veche.protocol.errors import MalformedError
from veche.runtime.verifying.words import (
    Asked,
    FalseFileError,
    NobodyKnowsError,
    OtherFileError,
    UncheckedError,
)
from veche.transparency.act_proof import ACTS_FILE_BYTES_MAX
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    import argparse

HOLDS: Final = 0
FALSE: Final = 1
NOBODY_KNOWS: Final = 3

VERIFIERS: Final = "veche.verifiers"
"""Entry points of what verifies files of features, see ``veche.runtime.verifying.words``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche verify`."""
    parser.description = (
        f"{parser.description} For a receipt it checks the signature, the entry of the"
        " ledger, its block and the published head. For a copy of the room with a ledger's heads"
        " it checks that all heads belong to one ledger. For acts in the export of a case"
        " it checks the organisation's signature, each commitment, the place in the log and the"
        " signed head. For a PDF or a container (.asice) it checks every byte, the signatures,"
        " certificates and time stamps. Exit code 0: it holds; 1: it is false, or not such a file;"
        " 3: it cannot be decided, or not everything is proven."
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
        help="how many of the witnesses given by --key must have signed the head of a receipt or of"
        " acts (default: they are only listed)",
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
        help="ask the site that the file names for its keys and its newest head; for a signed file,"
        " ask whether its certificates were revoked",
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
        help="ask this site instead, https://…; with --online. For signed files: also believe"
        " the authority of this site, and those that its operator names",
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
        keys = [read_verifier_key(text) for text in arguments.key]
        asked = Asked(keys, arguments.needed, arguments.online, arguments.site)
        report = _report(data, asked)
    except FalseFileError as e:
        sys.stderr.write(f"{arguments.file}: {e}\n")
        return FALSE
    except (OSError, MalformedError, UncheckedError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        sys.stderr.write(f"{arguments.file}: it could not be checked: {reason}\n")
        return NOBODY_KNOWS
    except NobodyKnowsError as e:
        sys.stderr.write(f"{arguments.file}: {e}\n")
        return NOBODY_KNOWS
    sys.stdout.write(report)
    return HOLDS


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(ACTS_FILE_BYTES_MAX + 1)
    if not data:
        raise FalseFileError("This file is empty: there is nothing in it.")
    return data


def _report(data: bytes, asked: Asked) -> str:
    """Report on a file that holds, by the first verifier that knows it."""
    entries = sorted(entry_points(group=VERIFIERS), key=lambda entry: entry.name)
    for load in (lambda: acts.verify, *(entry.load for entry in entries)):
        try:
            return str(load()(data, asked))
        except OtherFileError as e:
            unknown = e
    raise unknown
