"""Signing as a service of the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.service.authorities import read_authorities
from appservices.signing.service.sealing import Callers, Seals
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.config import SigningSection
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor
    from veche.runtime.errands import ErrandHandler
    from veche.runtime.host import Host
    from veche.runtime.ports import Undelivered
    from veche.runtime.service import BotAccount

_BOTS: Final[Sequence[BotAccount]] = ()


class Signing:
    """The authority of one site: seals of organisations, time stamps, certificates.

    Attributes:
        authorities: What signs here.
        callers: The organisations that may ask.
        seals: What they ask for.
    """

    def __init__(self, host: Host, section: SigningSection) -> None:  # noqa: ARG002 -- as every one
        """Read the authority's folder.

        Raises:
            ConfigError: Something is missing in it, or an organisation has no seal there.
        """
        self.authorities = read_authorities(section.folder)
        missing = [one.id for one in section.seals if one.id not in self.authorities.seals]
        if missing:
            raise ConfigError(
                f"{section.folder}: there is no seal of {missing[0]}: make it with"
                f" `veche ca seal {missing[0]} NAME`"
            )
        self.callers = Callers(section.seals)
        self.seals = Seals(self.authorities)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """None yet."""
        return _BOTS

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Nothing arrives: there are no bots."""

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Nothing is sent."""

    def errand_handlers(self) -> Mapping[str, ErrandHandler]:
        """None."""
        return {}

    async def started(self) -> None:
        """Nothing is left to do."""
