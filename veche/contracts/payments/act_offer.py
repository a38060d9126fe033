"""The act that comes with what an office asks for over HTTP: its receipt, or why it may."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from veche.protocol.acts import ActReceipt
from veche.protocol.wire import Wire


class ActGround(Wire):
    """On what ground an office does something to a person: the private part of the act.

    Attributes:
        purpose: Code of the purpose.
        basis: The rule or law.
        actor: A role, never a name.
        why: Reason in words, or empty.
        case: Pseudonymous id of the case, or empty.
    """

    purpose: Annotated[str, Field(min_length=1, max_length=128)]
    basis: Annotated[str, Field(min_length=1, max_length=255)]
    actor: Annotated[str, Field(pattern=r"^(bot|role:[!-~]{1,64})$")] = "bot"
    why: Annotated[str, Field(max_length=500)] = ""
    case: Annotated[str, Field(max_length=64)] = ""


class ActOffer(Wire):
    """The act of an office that comes with what it asks for: exactly one of the two.

    Attributes:
        receipt: Of an act that the office has committed in this server's log for exactly this.
        ground: Why it may; the act is committed now, in the office's name.
    """

    receipt: ActReceipt | None = None
    ground: ActGround | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.receipt is None) == (self.ground is None):
            raise ValueError("a receipt or a ground, one of them")
        return self
