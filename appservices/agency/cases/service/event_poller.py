"""Polling another service for what became of something there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.cases import store
from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from appservices.agency.cases.service.conversation import OfficeParts
    from veche.bots.ports import BotPorts
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

REFUSED_AGAIN_MS: Final = 60_000
"""How long to wait after the other service refused to tell what happened."""


@attrs.frozen
class EventPoller:
    """Polls for what became of the business of one organisation, and lets its cases go on.

    Attributes:
        host: What it lives in.
        offices: By bot.
        organisation: Whose business.
    """

    host: BotPorts
    offices: Mapping[UserId, OfficeParts]
    organisation: str

    def office_of(self, txn: Cursor, case_id: str) -> OfficeParts | None:
        """The office whose case it is; None if it is of another organisation, or not here."""
        bot = store.bot_of_case(txn, case_id)
        office = None if bot is None else self.offices.get(bot)
        is_ours = office is not None and office.section.organisation == self.organisation
        return office if is_ours else None

    async def poll(self, what: str, round_: Callable[[], Awaitable[None]]) -> None:
        """Ask for news again and again; while there is no answer, wait and say so in the log.

        Args:
            what: Of what there is news, for the log: ``fees``.
            round_: Asks once, and does what the answer says.
        """
        pause = WakeEvent(self.host.reactor)
        while True:
            try:
                await round_()
            except UnavailableError as e:
                logger.info("the %s of %s: %s", what, self.organisation, e)
                await pause.wait(e.retry_after_ms)
            except RefusedError:
                logger.exception("nothing is heard of the %s of %s", what, self.organisation)
                await pause.wait(REFUSED_AGAIN_MS)
