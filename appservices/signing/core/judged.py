"""Judging files as the sandbox does it: a child that loads little of ours."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cryptography import x509

from veche.protocol.signatures.verdict import Trusted, judge
from veche.protocol.signed_file import judge_file

if TYPE_CHECKING:
    from veche.protocol.signatures.report import Report


def judged(pdf: bytes, root: bytes, now_ms: int) -> Report:
    """The strict verdict on a file that was made here.

    Args:
        pdf: The file.
        root: What is trusted, DER.
        now_ms: UTC.
    """
    return judge(pdf, _trusted(root, now_ms))


def judged_file(data: bytes, root: bytes, now_ms: int) -> Report:
    """The verdict on a file of any kind; arguments as of ``judged``."""
    return judge_file(data, _trusted(root, now_ms))


def _trusted(root: bytes, now_ms: int) -> Trusted:
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    return Trusted([x509.load_der_x509_certificate(root)], now)
