"""HTTP bodies of a party who declines to sign."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from appservices.signing.parties.api.parties import REASON_CHARACTERS_MAX, ReasonCode
from veche.contracts.signing.signing_api import PartyId
from veche.protocol.approval import SignedApproval
from veche.protocol.wire import Wire


class DeclineBody(Wire):
    """A party declines.

    Attributes:
        party: Who.
        reason_code: Why, for programs.
        reason: Why, in words.
        approval: A ``Decline`` of something that was asked here, signed by their device key.
    """

    party: PartyId
    reason_code: ReasonCode
    reason: Annotated[str, Field(max_length=REASON_CHARACTERS_MAX)] = ""
    approval: SignedApproval
