"""SMS by an account at a message centre, which vouches for the numbers that write."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, ClassVar, Final

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import deferLater

from bridges.core.errors import AwayError, PermanentError
from bridges.core.model import (
    BridgeName,
    EventSender,
    PartReport,
    PortalKey,
    ReceivedPart,
    RemoteMessage,
    Sent,
    SentPart,
)
from bridges.sms import core
from bridges.sms.config import SmsSection
from bridges.sms.core import PduError, ShortMessage, Status
from bridges.sms.link import Link
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.config import read_secret
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IStreamClientEndpoint

    from bridges.core.model import Outgoing
    from bridges.core.ports import Bridge
    from bridges.sms.link import Answer
    from veche.runtime.config.sections import Section

logger = logging.getLogger(__name__)

WAITING_MAX: Final = 1_000
"""Messages and receipts that are not yet committed; the centre is told to bring more later."""
SEND_S_MAX: Final = 12
"""After which no more parts of a message are begun; with it a message ends within its lease."""
DRAIN_S_MAX: Final = 5
_DRAIN_LOOK_S: Final = 0.02
ECHOES_MAX: Final = 10_000
"""People whose last messages are known, to see what comes back unchanged."""
ECHOES_OF_ONE: Final = 5


class Connector:
    """The network ``sms``; see ``bridges.core.ports.NetworkConnector``."""

    name: ClassVar[BridgeName] = BridgeName("sms", "SMS")
    config: ClassVar[type[Section]] = SmsSection
    carries_files: ClassVar[bool] = False

    def __init__(self, bridge: Bridge, section: SmsSection) -> None:
        """Make it; nothing is connected before ``start``."""
        self._bridge, self._section = bridge, section
        self._offices = {number.lstrip("+"): number for number in section.offices}
        if len(self._offices) < len(section.offices):
            raise ConfigError("bridges.sms.offices: a number stands there with + and without")
        self._tasks = Tasks(running_max=WAITING_MAX)
        self._lanes: dict[str, deque[tuple[ShortMessage, bytes, Answer]]] = {}
        self._waiting_count = 0
        self._said: OrderedDict[str, deque[str]] = OrderedDict()
        password = read_secret(section.password_path)
        try:
            body = core.bind_body(section.system_id, password, section.system_type)
        except ValueError as e:
            raise ConfigError("bridges.sms.password_path: SMPP allows 8 ASCII characters") from e
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            bridge.reactor, section.host, section.port
        )
        if section.tls:
            endpoint = wrapClientTLS(optionsForClientTLS(section.host), endpoint)
        window = section.window
        self._link = Link(bridge.reactor, endpoint, body, window, self._take, self._known)

    @property
    def trouble(self) -> str:
        """Why the message centre is not reached; empty if it is."""
        return self._link.trouble

    async def start(self) -> None:
        """Connect to the message centre."""
        self._link.start()

    async def stop(self) -> None:
        """End the connection, and commit all that has come."""
        await self._link.stop()
        for _ in range(int(DRAIN_S_MAX / _DRAIN_LOOK_S)):
            if not self._lanes:
                break
            await deferLater(self._bridge.reactor, _DRAIN_LOOK_S)
        await self._tasks.stop()

    async def handle_matrix_message(self, msg: Outgoing) -> Sent:
        """Send the parts of a message that the centre does not have."""
        if msg.office not in self._section.offices:
            raise PermanentError("the office has no number any more")
        began_s = self._bridge.reactor.seconds()
        words = msg.rendered.text
        self._note_said(msg.recipient, words)
        source, destination = core.address(msg.office), core.address(msg.recipient)
        found = core.parts(words, core.reference_of(msg.effect_id) & 0xFF)
        for number, (raw, coding, part) in enumerate(found, 1):
            if number in msg.parts_sent:
                continue
            if self._bridge.reactor.seconds() > began_s + SEND_S_MAX:
                raise AwayError("the message centre is slow")
            sm = ShortMessage(source, destination, raw, coding, part=part)
            id_ = await self._link.submit(sm, core.reference_of(msg.effect_id, number))
            known = core.known_id(id_, self._section.receipt_id) or None
            sent = SentPart(number, len(found), known)
            await self._bridge.note_sent_part(msg.effect_id, sent)
        return Sent(msg.effect_id)

    # From the network

    def _take(self, sm: ShortMessage, body: bytes, answer: Answer) -> None:
        """Have a message taken after those that the same person wrote before.

        Raises:
            PduError: It is no text.
        """
        if sm.is_personal:
            core.text_of(sm.coding, b"")
        if self._waiting_count >= WAITING_MAX:
            answer.refuse(Status.LATER, "later")
            return
        self._waiting_count += 1
        # A receipt waits for nobody.
        lane = sm.source.id if sm.is_personal else answer.id
        if lane in self._lanes:
            self._lanes[lane].append((sm, body, answer))
        else:
            self._lanes[lane] = deque([(sm, body, answer)])
            self._tasks.spawn("sms.lane", self._work(lane))

    async def _work(self, name: str) -> None:
        lane = self._lanes[name]
        try:
            while lane:
                one = lane.popleft()
                self._waiting_count -= 1
                await self._commit(*one)
        finally:
            self._waiting_count -= len(lane)
            del self._lanes[name]

    async def _commit(self, sm: ShortMessage, body: bytes, answer: Answer) -> None:
        """Take what came; only then say that it is kept."""
        try:
            event = self._event(sm, body, answer)
            if event is not None:
                await self._bridge.queue_remote_event(event)
        except PduError:
            answer.refuse(Status.NEVER, "address")
        except UnavailableError:
            answer.refuse(Status.LATER, "later")
        except Exception:
            logger.exception("a message was not taken")
            answer.refuse(Status.LATER, "later")
        else:
            answer.accept()

    def _event(
        self, sm: ShortMessage, body: bytes, answer: Answer
    ) -> RemoteMessage | PartReport | None:
        """Return the meaning of a message; None if it means nothing here.

        Raises:
            PduError: It is for nobody, or nobody can be answered.
        """
        if not sm.is_personal:
            found = core.receipt(sm)
            if found is None or not found.grade:
                return None
            return PartReport(found.message_id, found.grade, found.reason)
        office = self._offices.get(sm.destination.digits.lstrip("+"))
        if office is None or not sm.source.is_number:
            raise PduError("an address that is none")
        person = sm.source.id
        words = core.text_of(sm.coding, sm.message).replace("\0", " ")
        words = words[: core.DECODED_CHARACTERS_MAX]
        part, echoes = None, self._said.get(person, ())
        if sm.part is None:
            words = words.strip() or "…"
        else:
            key = f"{office}-{sm.part.reference}-{sm.part.total}"
            part = ReceivedPart(key, sm.part.number, sm.part.total)
        return RemoteMessage(
            portal_key=PortalKey(f"{person} {office}"),
            sender=EventSender(person),
            id=answer.id,
            text=words,
            office=office,
            office_bot=self._section.offices[office].bot,
            is_automatic=sm.source.digits.lstrip("+") in self._offices or words in echoes,
            part=part,
            content_mark=core.mark_of(body),
            connection=answer.connection,
        )

    def _known(self, ids: Sequence[str]) -> None:
        self._tasks.spawn("sms.known", self._bridge.forget_marks(ids))

    # What would come back for ever

    def _note_said(self, person: str, words: str) -> None:
        last = self._said.setdefault(person, deque(maxlen=ECHOES_OF_ONE))
        self._said.move_to_end(person)
        last.append(words.strip())
        if len(self._said) > ECHOES_MAX:
            self._said.popitem(last=False)
