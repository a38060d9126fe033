"""Payment codes of invoices, as organisations fetch them over HTTP."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from veche.protocol.money import MINOR_MAX
from veche.protocol.wire import Wire

REFERENCE_CHARACTERS_MAX: Final = 70
"""Of what a payer writes with a payment."""

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


class NamedCodeQuery(Wire):
    """The parts of a code that are left to the payer of an organisation paid by name.

    Attributes:
        minor: Amount in minor units, with ``currency``; without both the payer says how much.
        currency: ISO 4217.
        reference: Purpose; empty: the payer says.
    """

    minor: Annotated[int, Field(ge=1, le=MINOR_MAX)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    reference: Annotated[str, Field(max_length=REFERENCE_CHARACTERS_MAX)] = ""


class NamedCodeView(Wire):
    """A code that may be printed.

    Attributes:
        payload: What it says: a link of ours.
        svg: The same as a picture, black on white.
    """

    payload: str
    svg: str
