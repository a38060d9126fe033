"""The payloads of the kernel, by their keys in messages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.protocol.acts import ActReceipt
from veche.protocol.approval import APPROVAL_KEY, SignedApproval
from veche.protocol.bridged import BRIDGED_KEY, Bridged
from veche.protocol.prompts import ANSWER_KEY, PROMPT_KEY, Answer, Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {
        PROMPT_KEY: Prompt,
        ANSWER_KEY: Answer,
        APPROVAL_KEY: SignedApproval,
        "org.veche.act": ActReceipt,
        BRIDGED_KEY: Bridged,
    }
)
