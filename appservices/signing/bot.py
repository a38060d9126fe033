"""Signing as a service of the runtime."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Final

from cryptography import x509

from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.authority.service.upkeep import look
from appservices.signing.chats.service.chats import ANSWERS, hear, hear_page
from appservices.signing.config import BOT_LOCALPART
from appservices.signing.delivery.service import forgetting
from appservices.signing.events.service import SigningFeed, rules_of
from appservices.signing.jobs import handlers
from appservices.signing.keys import THREADS, SigningPool
from appservices.signing.keys.stampers import RemoteStamper
from appservices.signing.renewal import service as renewals
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.stamps.service.sealing import Seals, organisation_keys
from appservices.signing.stamps.service.stamping import OtherStamps
from veche.bots import check_topics, log_undelivered, receive
from veche.documents.pki.digests import SHA256
from veche.messaging.service import BotAccount
from veche.messaging.webhooks import Webhooks
from veche.protocol.errors import ConfigError
from veche.protocol.ids import UserId
from veche.runtime.config.secret_files import read_secret
from veche.runtime.files.pictures import read_picture
from veche.runtime.vault import Vault
from veche.runtime.web.outbound import Outbound
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.config import SigningSection, StampsSection
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

logger = logging.getLogger(__name__)

WAITING_THREADS: Final = 10
"""For keys, where some of them wait for stamps of others."""


class Signing:
    """The authority of one site, and the bot by which people sign.

    Attributes:
        host: What it lives in.
        parts: What all transactions of the bot share; None: there is none here.
        authorities: What signs here.
        callers: The organisations that may ask.
        pool: The threads in which keys sign.
        seals: What they ask for.
        webhooks: Sends them their events; None: nobody signs here.
    """

    def __init__(self, host: BotPorts, section: SigningSection) -> None:
        """Read the authority's folder.

        Raises:
            ConfigError: Something is missing in it, an organisation has no seal there, or stamps
                are of another hash than is configured, or files would be stamped without end.
        """
        check_topics(Parts.profile.topics, ANSWERS)
        anchors = [] if section.sessions is None else section.sessions.anchors
        self.authorities = read_authorities(
            section.folder, anchors, section.stamps, section.former_stamp_roots
        )
        missing = [one.id for one in section.seals if one.id not in self.authorities.seals]
        if missing:
            raise ConfigError(
                f"{section.folder}: there is no seal of {missing[0]}: make it with"
                f" `veche ca seal {missing[0]} NAME`"
            )
        _check_hash(self.authorities, section)
        _check_day(host, section)
        for what, mend in look(section, host.now_ms() / 1000):
            logger.warning("%s; %s", what, mend)
        self.callers = organisation_keys(section.seals)
        others = other_stamps(host, section.stamps, self.authorities)
        self.seals = Seals(self.authorities, others)
        self.pool = SigningPool(
            host.reactor, threads=THREADS if others is None else WAITING_THREADS
        )
        host.at_stop(self.pool.close)
        self.host = host
        self.parts = self._make_parts(host, section)
        self._handlers: Mapping[str, JobHandler] = {}
        self.webhooks: Webhooks | None = None
        if self.parts is not None:
            self._handlers = handlers(self.parts)
            self.webhooks = webhooks_of(self.parts)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """The signing bot, if there is one here."""
        return () if self.parts is None else [self.parts.bot]

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached the bot."""
        if self.parts is not None:
            receive(self.parts.conversation(txn, inbound.event_id, inbound.at_ms), inbound, hear)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page."""
        if self.parts is not None:
            hear_page(self.parts.conversation(txn, act.event_id, act.at_ms), act)

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        """Learn that something it said never arrives: the session stands as it is."""
        log_undelivered(undelivered)

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Chats, files, clocks, the ends of sessions; none without a bot."""
        return self._handlers

    async def started(self) -> None:
        """Have closed files looked after."""
        if self.webhooks is not None:
            self.webhooks.start()
        if self.parts is not None:
            now_ms = self.host.now_ms()
            await self.host.database.run("signing.start", _order_looks, now_ms)

    def _make_parts(self, host: BotPorts, section: SigningSection) -> Parts | None:
        sessions = section.sessions
        if sessions is None:
            return None
        bot = BotAccount(
            UserId(f"@{BOT_LOCALPART}:{host.server_name}"),
            sessions.name_in(sessions.language),
            sessions.id,
            read_picture(sessions.avatar),
        )
        vault = Vault(host.seed("signing"))
        return Parts(host, sessions, bot, vault, section, self.authorities, self.seals, self.pool)


def other_stamps(
    host: BotPorts, section: StampsSection | None, authorities: Authorities
) -> OtherStamps | None:
    """The authority elsewhere that stamps for this site; None: this site does it itself.

    Raises:
        ConfigError: Its token or password cannot be read.
    """
    if section is None:
        return None
    networks = [ipaddress.ip_network(one) for one in section.networks]
    outbound = Outbound(host.reactor, allowed=networks, timeout_s=section.timeout_ms / 1000)
    token, password = (
        "" if path is None else read_secret(path)
        for path in (section.token_path, section.password_path)
    )
    remote = RemoteStamper(outbound, section.url, bearer=token, password=password)
    return OtherStamps(host.reactor, remote, outbound, authorities.stampers, host.now_ms)


def _check_hash(authorities: Authorities, section: SigningSection) -> None:
    """A stamp lasts no longer than the hashes of its certificate and of the list about it."""
    by, stamps = section.stamped_by.name, authorities.stamps.certificate
    if by == SHA256.name:
        return
    listed = x509.load_der_x509_crl(authorities.list_of(stamps))
    if any(_name_of_hash(one) != by for one in (stamps, listed)):
        raise ConfigError(
            f"signing.stamp_hash is {by}, and the authority for time stamps in {section.folder}"
            f" or its list is of another hash: make it with `veche ca stamps --hash {by}`"
        )


def _check_day(host: BotPorts, section: SigningSection) -> None:
    """The day has begun: no stamp of today is good enough for one to come."""
    if section.renew_stamped_before is not None and section.renew_stamped_before_ms > host.now_ms():
        raise ConfigError(
            f"signing.renew_stamped_before is {section.renew_stamped_before}, a day to come: all"
            " closed files would be stamped again every day until then. Write today (UTC)"
        )


def _name_of_hash(one: x509.Certificate | x509.CertificateRevocationList) -> str:
    return one.signature_hash_algorithm.name if one.signature_hash_algorithm is not None else ""


def _order_looks(txn: Cursor, now_ms: int) -> None:
    renewals.order_look(txn, now_ms)
    forgetting.order_look(txn, now_ms)


def webhooks_of(parts: Parts) -> Webhooks:
    """Make the sender of events to organisations, signed in the name of the site."""
    host = parts.host
    signer = NoteSigner(f"{host.server_name}/veche/signing/events/v1", host.seed("signing.events"))
    return Webhooks(host, SigningFeed(parts.vault), signer, rules_of(parts.section))
