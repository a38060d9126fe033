"""Signed files as commands read them: the file, who is trusted, newer lists from elsewhere."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from cryptography import x509

from veche.documents.pki.asking import KIND
from veche.documents.pki.stated import is_authority
from veche.documents.signatures.judging import ALGORITHMS_END, Trusted
from veche.documents.signed_file import judge_file
from veche.protocol.addresses import split_address
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.documents.pki.asking import Question
    from veche.documents.signatures.report import Report

SANDBOX_IMPORTS: Final = ()
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
LIST_BYTES_MAX: Final = 64 * 1024
LISTS_MAX: Final = 20
TIMEOUT_S: Final = 10


def judge_encoded(
    data: bytes,
    roots: Sequence[bytes],
    now: dt.datetime,
    lists: Sequence[bytes],
    distrusted: Mapping[str, dt.datetime] = ALGORITHMS_END,
) -> Report:
    """Judge a file; for a process of its own.

    Args:
        data: The file.
        roots: Certificates that are trusted, DER.
        now: The time, UTC.
        lists: Newer lists of revoked certificates, and answers of responders, DER.
        distrusted: From when an algorithm proves nothing, by its name.
    """
    return judge_file(data, Trusted.by_encoded(roots, now, lists, distrusted))


def read_roots(paths: Sequence[Path]) -> list[x509.Certificate]:
    """The certificates in files that are PEM or DER; one that can be no authority is told.

    Raises:
        MalformedError: A file has none.
        OSError: A file cannot be read.
    """
    found = [(path, one) for path in paths for one in _certificates(path)]
    for path, one in found:
        if not is_authority(one):
            sys.stderr.write(
                f"{path.name}: {one.subject.rfc4514_string()} may not issue certificates, as it"
                " says itself: nobody else is known by it\n"
            )
    return [one for _, one in found]


def read_file(path: Path, bytes_max: int) -> bytes:
    """Read a file.

    Raises:
        MalformedError: More than ``bytes_max``.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise MalformedError(path.name, f"over {bytes_max} bytes")
    return data


def _certificates(path: Path) -> Sequence[x509.Certificate]:
    data = read_file(path, LIST_BYTES_MAX)
    try:
        if data.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as e:
        raise MalformedError(str(path), "is no certificate") from e


def fetch_lists(addresses: Sequence[str]) -> list[bytes]:
    """The newest lists; an address that does not answer is told and passed over.

    Args:
        addresses: Whoever made a file chose them; at most ``LISTS_MAX`` are asked.
    """
    return _asked([(address, None) for address in addresses])


def fetch_answers(questions: Sequence[Question]) -> list[bytes]:
    """The answers of responders; one that does not answer is told and passed over.

    Args:
        questions: Whoever made a file chose where they go; at most ``LISTS_MAX`` are asked.
    """
    return _asked([(one.address, one.encoded) for one in questions])


def _asked(what: Sequence[tuple[str, bytes | None]]) -> list[bytes]:
    """Fetch answers from addresses; some of them get a question."""
    found = []
    for address, question in what[:LISTS_MAX]:
        if split_address(address).scheme not in ("http", "https"):
            continue
        kind = {} if question is None else {"Content-Type": KIND}
        request = urllib.request.Request(address, question, kind)  # noqa: S310 -- checked above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
                found.append(answer.read(LIST_BYTES_MAX))
        except (OSError, ValueError):
            sys.stderr.write(f"{showable(address)} does not answer: try again later\n")
    return found
