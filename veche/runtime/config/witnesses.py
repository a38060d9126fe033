"""Which witnesses are asked, and how many are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from pydantic import Field, model_validator

from veche.runtime.config.sections import Duration, Networks, Section, WebAddress, WitnessKey
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    from veche.transparency.notes import VerifierKey

WITNESSES_MAX: Final = 8
"""A note has room for 16 signatures, one of which is the log's."""


class OneWitnessSection(Section):
    """A witness that is asked."""

    key: WitnessKey
    """Its key, ``<name>+<id>+<base64>``, as its operator gave it to you."""
    url: WebAddress = Field(
        pattern=r"^https?://[^/\s?#@]+(/[A-Za-z0-9._~/-]*)?$", examples=["https://w.example.org"]
    )
    """Its address, before ``/add-checkpoint``."""

    @property
    def verifier(self) -> VerifierKey:
        """The key."""
        return read_verifier_key(self.key)


class WitnessesSection(Section):
    """Witnesses of the logs of acts and of the ledger.

    Others who sign each head, if it begins with the one before. Without any, nobody but you vouches
    that a log has one history.
    """

    of: tuple[OneWitnessSection, ...] = Field(default=(), max_length=WITNESSES_MAX, strict=False)
    """Witnesses that are asked."""
    needed: int = Field(default=1, ge=1, le=WITNESSES_MAX)
    """Number of witnesses that must sign a head before it is shown as witnessed. Too few never stop
    an act or a payment: the head is published without them, and an alarm follows after ``late``."""
    late_ms: Duration = Field(default=10 * 60 * 1000, examples=["10 min"])
    """How long a head may lack the required signatures before the alarm."""
    networks: Networks = ()
    """Networks, beside the public Internet, in which witnesses may be asked; only then also by
    ``http://``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.needed > max(1, len(self.of)):
            raise ValueError("needed is more than there are witnesses")
        names = [one.verifier.name for one in self.of]
        if len(set(names)) != len(names):
            raise ValueError("two witnesses have the same name")
        if not self.networks and any(one.url.startswith("http://") for one in self.of):
            raise ValueError("a witness is asked by https://, unless networks lists where it is")
        return self
