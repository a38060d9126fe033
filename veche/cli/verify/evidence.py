"""`veche verify REPORT --evidence FILE`: whether a report goes with the signed file.

Whichever of the two has the record is the report: who names them the other way round gets the same
answer.
"""

from __future__ import annotations

import datetime as dt
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from veche.cli.verify.signed_files import FALSE, NOT_PROVEN, SEALED, site_authorities, verify_pdf
from veche.documents.pki.cms import der_of
from veche.documents.signed_file import FILE_BYTES_MAX
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError
from veche.runtime.files.sandbox import SandboxError, in_sandbox
from veche.runtime.files.signed_files import read_file, read_roots
from veche.runtime.verifying.published import Site, SiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Check = Callable[[bytes, bytes, Sequence[bytes], dt.datetime], list[str]]


CHECKS: Final = "veche.evidence"
"""Entry points of functions that compare a report with the file that it is about.

Each is given the report, the signed file, certificates of authorities that are trusted (DER) and
the time (UTC), in a process of its own, and returns what of the report is not so.
"""


def verify_evidence(
    report: Path, signed: Path, roots: Sequence[Path], *, is_online: bool, site: str | None = None
) -> int:
    """Say what can be said of both files, and whether the record in the report is about the other.

    Args:
        report: The evidence report, a PDF.
        signed: The signed file.
        roots: Files with certificates of authorities that are trusted, PEM or DER.
        is_online: Ask the addresses that the certificates name for newer lists.
        site: Address of a site whose authorities are trusted, as ``verify_pdf`` has it.

    Returns:
        0 if both hold and go together; 1 if something is false; 3 if not all is proven.
    """
    codes = []
    for path in (report, signed):
        sys.stdout.write(f"{path}:\n")
        codes.append(verify_pdf(path, roots, is_online=is_online, site=site))
    try:
        files = [read_file(path, FILE_BYTES_MAX) for path in (report, signed)]
        ours = site_authorities(Site(site))[0] if site is not None else []
        encoded = [*map(der_of, read_roots(roots)), *ours]
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
        found = [in_sandbox(one, files[0], files[1], encoded, now) for one in _checks()]
        problems = min(found, key=len)
    except SandboxError as e:
        problems = [f"nobody can tell: {e}"]
    except (OSError, SiteError, MalformedError) as e:
        sys.stderr.write(f"the evidence could not be checked: {e}\n")
        return NOT_PROVEN
    for problem in problems:
        sys.stdout.write(f"{'but':<12} {showable(problem)}".replace("\n", " ") + "\n")
    if problems:
        sys.stdout.write("False: the report does not go with the signed file.\n")
        return FALSE
    sys.stdout.write("The report goes with the signed file.\n")
    return next((code for code in (FALSE, NOT_PROVEN) if code in codes), SEALED)


def _checks() -> list[Check]:
    """The checks of all features that make reports."""
    if not (found := [entry.load() for entry in entry_points(group=CHECKS)]):
        raise SandboxError("nothing that is installed here knows reports on signatures")
    return found
