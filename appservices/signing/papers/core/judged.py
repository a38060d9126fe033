"""Judging files as the sandbox does it, which loads little of ours."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from veche.documents.signatures.verdict import Trusted, judge
from veche.documents.signed_file import judge_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.signatures.report import Report

SANDBOX_IMPORTS: Final = ()
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""


def judged(pdf: bytes, roots: Sequence[bytes], now_ms: int) -> Report:
    """The strict verdict on a file that was made here.

    Args:
        pdf: The file.
        roots: What is trusted, DER.
        now_ms: UTC.
    """
    return judge(pdf, trusted(roots, now_ms))


def judged_file(data: bytes, roots: Sequence[bytes], now_ms: int) -> Report:
    """The verdict on a file of any kind; arguments as of ``judged``."""
    return judge_file(data, trusted(roots, now_ms))


def trusted(roots: Sequence[bytes], now_ms: int) -> Trusted:
    """Return the trusted roots at a moment; arguments as of ``judged``."""
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    return Trusted.by_encoded(roots, now)
