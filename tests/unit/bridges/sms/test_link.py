"""The connection: let in or not, a message is sent once it is answered, and garbage ends it."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from bridges.core.errors import AwayError, PermanentError, TemporaryError, UncertainError
from bridges.sms import core
from bridges.sms.core import Address, Command, Pdu, ShortMessage, Status
from bridges.sms.link import ANSWER_S_MAX, IDLE_S, REFUSED_S_MAX, THROTTLED_S, Link

SM: Final = ShortMessage(Address("4930901820"), Address("491700000001"), b"hi")
ANSWER: Final = core.RESPONSE


@implementer(IStreamClientEndpoint)
@attrs.define
class Centre:
    """The message centre's end; it lets us in, unless it refuses.

    Attributes:
        heard: What the bridge was given.
        known: Ids that it was told not to keep any more.
    """

    refuses: bool = False
    heard: list[Any] = attrs.field(factory=list)
    known: list[str] = attrs.field(factory=list)
    clock: Clock = attrs.field(factory=Clock)
    count: int = 0
    transport: StringTransport = attrs.field(factory=StringTransport)
    link: Link = attrs.field(init=False)
    session: Any = None

    def __attrs_post_init__(self) -> None:
        def take(sm: ShortMessage, body: bytes, answer: Any) -> None:
            del body
            self.heard.append((sm, answer))

        self.link = Link(self.clock, self, b"who", 2, take, self.known.extend)
        self.link.start()

    def connect(self, factory: Any) -> Deferred[Any]:
        """Take a connection, and answer whether it may come in."""
        self.count += 1
        self.transport, self.session = StringTransport(), factory.buildProtocol(None)
        self.session.makeConnection(self.transport)
        made: Deferred[Any] = Deferred()

        def let_in() -> None:
            made.callback(self.session)
            [bind] = self.said()
            assert bind.command == Command.BIND
            status = 0x0D if self.refuses else 0
            self.says(Command.BIND | ANSWER, bind.sequence, status)

        self.clock.callLater(0, let_in)
        return made

    def said(self) -> list[Pdu]:
        """What the bridge has written since."""
        pdus, rest = core.split(self.transport.value())
        assert rest == b""
        self.transport.clear()
        return pdus

    def says(self, command: int, sequence: int, status: int = 0, body: bytes = b"") -> None:
        """Write to the bridge."""
        self.session.dataReceived(core.joined(Pdu(command, status, sequence, body)))

    def sends(self) -> list[Any]:
        """Have the bridge send a message; its end, once there is one."""
        end: list[Any] = []
        Deferred.fromCoroutine(self.link.submit(SM, 1)).addBoth(end.append)
        return end


def bound() -> Centre:
    """A connection that is open."""
    centre = Centre()
    centre.clock.advance(0)
    assert centre.link.trouble == ""
    return centre


def test_who_is_refused_asks_more_and_more_seldom_and_says_why() -> None:
    centre = Centre(refuses=True)
    for _ in range(6_000):
        centre.clock.advance(0.1)
    often = centre.count
    for _ in range(36_000):
        centre.clock.advance(0.1)

    assert 5 < often < 20
    assert 3_600 / REFUSED_S_MAX / 2 < centre.count - often < 3_600 / REFUSED_S_MAX * 2
    assert centre.link.trouble == "the message centre refuses the account: 0xd"
    [end] = centre.sends()
    assert end.check(AwayError)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.BAD_DESTINATION, PermanentError),
        (Status.BAD_SOURCE, PermanentError),
        (0x08, TemporaryError),
    ],
)
def test_a_status_says_what_to_do(status: int, error: type[Exception]) -> None:
    centre = bound()
    end = centre.sends()
    [submit] = centre.said()
    centre.says(Command.SUBMIT | ANSWER, submit.sequence, status)

    assert end[0].check(error)


def test_no_more_wait_for_an_answer_than_the_window() -> None:
    centre = bound()
    ends = [centre.sends() for _ in range(3)]
    first, second = centre.said()
    assert centre.said() == []
    centre.says(Command.SUBMIT | ANSWER, first.sequence, body=b"id1\0")
    [third] = centre.said()
    centre.says(Command.SUBMIT | ANSWER, third.sequence, body=b"id3\0")
    centre.says(Command.SUBMIT | ANSWER, second.sequence, body=b"id2\0")

    assert ends == [["id1"], ["id2"], ["id3"]]


def test_what_is_throttled_is_sent_later_and_then_waits() -> None:
    centre = bound()
    end = centre.sends()
    for delay_s in THROTTLED_S:
        [submit] = centre.said()
        centre.says(Command.SUBMIT | ANSWER, submit.sequence, Status.THROTTLED)
        assert centre.said() == []
        centre.clock.advance(delay_s)
    [submit] = centre.said()
    centre.says(Command.SUBMIT | ANSWER, submit.sequence, Status.QUEUE_FULL)

    assert end[0].check(AwayError)


def test_nobody_knows_of_a_message_whose_answer_does_not_come() -> None:
    centre = bound()
    end = centre.sends()
    centre.clock.advance(ANSWER_S_MAX)
    assert end[0].check(UncertainError)
    assert centre.transport.disconnecting or centre.transport.disconnected

    centre = bound()
    end = centre.sends()
    centre.session.connectionLost(Failure(ConnectionDone()))
    assert end[0].check(UncertainError)
    assert centre.sends()[0].check(AwayError)


def test_a_centre_that_answers_no_enquiry_is_gone() -> None:
    centre = bound()
    centre.clock.advance(IDLE_S)
    [enquiry] = centre.said()
    assert enquiry.command == Command.ENQUIRE
    centre.clock.advance(ANSWER_S_MAX)

    assert centre.transport.disconnecting or centre.transport.disconnected


def test_the_centre_knows_an_answer_once_an_enquiry_after_it_came_back() -> None:
    centre = bound()
    body = core.submit_body(SM, 1)
    centre.says(Command.DELIVER, 5, body=body)
    [(_, answer)] = centre.heard
    assert centre.said() == []
    answer.accept()
    said, enquiry = centre.said()
    assert (said.command, said.sequence, said.status) == (Command.DELIVER | ANSWER, 5, 0)
    assert centre.known == []
    centre.says(Command.ENQUIRE | ANSWER, enquiry.sequence)

    assert centre.known == [answer.id]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_message_is_read_wherever_the_stream_is_cut(cut: int) -> None:
    centre = bound()
    whole = core.joined(Pdu(Command.DELIVER, 0, 5, core.submit_body(SM, 1)))
    centre.session.dataReceived(whole[:cut])
    assert centre.heard == []
    centre.session.dataReceived(whole[cut:])

    assert len(centre.heard) == 1


def test_garbage_is_answered_and_a_length_that_is_none_ends_the_connection() -> None:
    centre = bound()
    centre.says(0x777, 9)
    centre.says(Command.DELIVER, 10, body=b"\xff" * 20)
    nack, refusal = centre.said()
    assert (nack.command, nack.status, nack.sequence) == (Command.NACK, Status.BAD_COMMAND, 9)
    assert (refusal.status, refusal.sequence) == (Status.NEVER, 10)
    assert not centre.transport.disconnecting
    centre.session.dataReceived(bytes(16))
    [nack] = centre.said()

    assert (nack.command, nack.status) == (Command.NACK, Status.BAD_LENGTH)
    assert centre.transport.disconnecting
