"""Payment codes of invoices, as organisations fetch them over HTTP."""

from __future__ import annotations

from typing import Literal

from veche.protocol.wire import Wire

CodeFormat = Literal["veche", "epc", "emv", "gost"]


class CodeQuery(Wire):
    """Which code.

    Attributes:
        format: ``veche``: a link of ours. ``epc``: a GiroCode, a transfer from a bank in EUR.
            ``emv``: a merchant's code by EMVCo. ``gost``: GOST R 56042, a transfer in RUB.
    """

    format: CodeFormat = "veche"


class CodeView(Wire):
    """A code.

    Attributes:
        format: As asked.
        payload: What it says.
        svg: The same as a picture, black on white.
    """

    format: CodeFormat
    payload: str
    svg: str
