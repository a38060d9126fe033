"""Texts that people read whose message is not taken."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bridges.xmpp.core import Why
from veche.protocol.texts.catalogue import N_, Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE: Final = Catalogue.load("bridges.xmpp")
REFUSED: Final[Mapping[Why, str]] = MappingProxyType(
    {
        Why.ADDRESS: N_("There is no office at this address."),
        Why.SIZE: N_("This message is too long. Send it in parts."),
        Why.ENCRYPTED: N_(
            "The office cannot read encrypted messages here. Turn off encryption in this chat, or"
            " use a Matrix client."
        ),
        Why.CORRECTION: N_("The office does not see corrections. Send a new message."),
        Why.FILE: N_("The office cannot take files here."),
        Why.LATER: N_("The office cannot take this message now. Send it again in a minute."),
    }
)
