"""Renewing a signed file that may be hostile: it is read in processes with bounds, stamped here."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.renewal.core import NotRenewedError, begin_renewal, finish_renewal
from veche.documents.pki.digests import hash_named
from veche.documents.signatures.judging import Trusted
from veche.runtime.files.sandbox import in_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.renewal.core import Renewal, Stamper
    from veche.documents.signatures.report import Report

SANDBOX_IMPORTS: Final = ()
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""


@attrs.frozen
class Known:
    """By what a file is judged and renewed; it can be given to another process.

    Attributes:
        roots: Certificates that are trusted, DER.
        now_ms: The time, UTC.
        lists: Newest lists of the authorities and of all stamps, DER.
    """

    roots: Sequence[bytes]
    now_ms: int
    lists: Sequence[bytes]

    def trusted(self) -> Trusted:
        """The same as the verdict takes it."""
        now = dt.datetime.fromtimestamp(self.now_ms / 1000, dt.UTC)
        return Trusted.by_encoded(self.roots, now, self.lists)


def renew_file(data: bytes, known: Known, stamper: Stamper) -> tuple[bytes, Report]:
    """The file with another stamp, and the report on it. It blocks: call it in a thread.

    Args:
        data: A file that is closed.
        known: By what it is judged.
        stamper: Who stamps.

    Raises:
        NotRenewedError: The file is not proven, or would not be proven for longer.
        SandboxError: It cannot be read within the bounds.
    """
    begun = in_sandbox(_begin, data, known, stamper.certificates, stamper.by.name)
    if isinstance(begun, str):
        raise NotRenewedError(begun)
    done = in_sandbox(_finish, begun, known, stamper.token(begun.digest))
    if isinstance(done, str):
        raise NotRenewedError(done)
    return done


def _begin(
    data: bytes, known: Known, certificates: Sequence[bytes], hash_name: str
) -> Renewal | str:
    """In the other process; a refusal comes back as its words."""
    try:
        return begin_renewal(data, known.trusted(), certificates, hash_named(hash_name))
    except NotRenewedError as e:
        return str(e)


def _finish(renewal: Renewal, known: Known, token: bytes) -> tuple[bytes, Report] | str:
    try:
        return finish_renewal(renewal, known.trusted(), token)
    except NotRenewedError as e:
        return str(e)
