"""Mail by SMTP in both directions, through a mail server of the operator's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from bridges.core.errors import PermanentError
from bridges.core.model import (
    BridgeName,
    EventSender,
    PortalKey,
    RemoteMessage,
    RemoteReport,
    Sent,
)
from bridges.mail import core
from bridges.mail.config import MailSection
from bridges.mail.smtp import Factory, send
from veche.protocol.errors import ConfigError
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from bridges.core.model import Outgoing
    from bridges.core.ports import Bridge
    from veche.runtime.config.sections import Section

logger = logging.getLogger(__name__)


class Connector:
    """The network ``mail``; see ``bridges.core.ports.NetworkConnector``."""

    name: ClassVar[BridgeName] = BridgeName("mail", "e-mail")
    config: ClassVar[type[Section]] = MailSection
    carries_files: ClassVar[bool] = True

    def __init__(self, bridge: Bridge, section: MailSection) -> None:
        """Make it; nothing listens before ``start``."""
        self._bridge, self._section = bridge, section
        self._key = bridge.seed("bounces")
        self._listening: Any = None
        strangers = [one for one in section.offices if one.partition("@")[2] != section.domain]
        if strangers:
            raise ConfigError(f"bridges.mail.offices: {min(strangers)} is not of {section.domain}")

    @property
    def port(self) -> int:
        """Where it listens, once it is started."""
        return int(self._listening.getHost().port)

    @property
    def trouble(self) -> str:
        """Empty: mail comes to us, and a relay that is away is seen when something is sent."""
        return ""

    async def start(self) -> None:
        """Listen for mail."""
        factory = Factory(self._accepts, self._take)
        section = self._section
        self._listening = self._bridge.reactor.listenTCP(
            section.listen_port, factory, interface=section.listen_address
        )

    async def stop(self) -> None:
        """Take no more mail."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()

    async def handle_matrix_message(self, msg: Outgoing) -> Sent:
        """Send a mail; a repetition has the same Message-ID."""
        section = self._section
        office = section.offices.get(msg.office)
        if office is None:
            raise PermanentError("the office has no address any more")
        now_ms = int(self._bridge.reactor.seconds() * 1000)
        try:
            raw = core.compose(msg, section.domain, office.name, now_ms)
        except ValueError as e:
            raise PermanentError(str(e)) from e
        sender = core.bounce_address(msg.effect_id, section.domain, self._key)
        relay = (section.relay_host, section.relay_port)
        await send(self._bridge.reactor, relay, sender, msg.recipient, raw)
        return Sent(core.message_id(msg.effect_id, section.domain))

    def _accepts(self, recipient: str) -> bool:
        return recipient in self._section.offices or self._effect_of(recipient) is not None

    def _effect_of(self, recipient: str) -> str | None:
        return core.effect_of_bounce(recipient, self._section.domain, self._key)

    async def _take(self, sender: str, recipient: str, raw: bytes) -> None:
        """Take one mail; it is acknowledged when this returns."""
        reactor = self._bridge.reactor
        domains = frozenset({self._section.domain})
        mail = await in_thread(reactor, core.parse, raw, domains)
        effect = self._effect_of(recipient)
        if effect is not None:
            for one in mail.reports:
                report = RemoteReport(effect, one.recipient, one.grade, one.status)
                await self._bridge.queue_remote_event(report)
            return
        office = self._section.offices[recipient]
        message = RemoteMessage(
            portal_key=PortalKey(f"{mail.sender} {recipient}"),
            sender=EventSender(mail.sender, mail.name),
            id=mail.id,
            text=mail.text or mail.subject or "…",
            office=recipient,
            office_bot=office.bot,
            title=mail.subject,
            thread=mail.thread,
            is_automatic=mail.is_automatic or not sender,
        )
        await self._bridge.queue_remote_event(message)
