"""What may come in by SMTP, and what is refused: each override of ``twisted.mail`` by itself."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from bridges.mail.core import MAIL_BYTES_MAX, UnreadableError
from bridges.mail.smtp import CONNECTIONS_MAX, Factory
from veche.protocol.errors import UnavailableError
from veche.runtime import metrics

OFFICE: Final = "office@mail.veche.test"
HERE: Final = IPv4Address("TCP", "127.0.0.1", 1)
TO_OFFICE: Final = b"EHLO x\r\nMAIL FROM:<ann@x.test>\r\nRCPT TO:<office@mail.veche.test>\r\n"
QUIT: Final = b"QUIT\r\n"


@attrs.define
class Peer:
    """A mail server that talks to ours.

    Attributes:
        error: What becomes of each mail; None: it is taken.
        taken: Mail that was taken: envelope sender, recipient, octets.
    """

    error: Exception | None = None
    taken: list[tuple[str, str, bytes]] = attrs.field(factory=list)
    factory: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.factory = Factory(OFFICE.__eq__, self._take)

    async def _take(self, sender: str, recipient: str, raw: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.taken.append((sender, recipient, raw))

    def says(self, *octets: bytes) -> tuple[str, bool]:
        """Send octets over a new connection; what is answered, and whether that was its end."""
        transport = StringTransport()
        protocol = self.factory.buildProtocol(HERE)
        protocol.makeConnection(transport)
        for one in octets:
            if not transport.disconnecting:
                protocol.dataReceived(one)
        protocol.setTimeout(None)
        return transport.value().decode(), transport.disconnecting


def refused(why: str) -> float:
    name = "veche_bridge_mail_refused_total"
    return metrics.REGISTRY.get_sample_value(name, {"why": why}) or 0.0


def test_a_mail_is_taken_and_acknowledged_after_it_was_committed() -> None:
    peer = Peer()
    answer, _ = peer.says(TO_OFFICE, b"DATA\r\n", b"Subject: A\r\n\r\n..x\r\n.\r\n", QUIT)

    assert "250 2.0.0 Taken" in answer
    assert peer.taken == [("ann@x.test", OFFICE, b"Subject: A\r\n\r\n.x\r\n")]


def test_size_and_eight_bits_are_offered() -> None:
    answer, _ = Peer().says(b"EHLO x\r\n")

    assert f"SIZE {MAIL_BYTES_MAX}" in answer
    assert "8BITMIME" in answer


@pytest.mark.parametrize(
    ("error", "answer", "why"),
    [
        (UnavailableError("no", retry_after_ms=1), "451 4.3.0", "later"),
        (RuntimeError("no"), "451 4.3.0", "later"),
        (UnreadableError("no"), "554 5.6.0", "unreadable"),
    ],
)
def test_what_is_not_committed_is_not_lost_and_what_never_can_be_is_refused(
    error: Exception, answer: str, why: str
) -> None:
    before = refused(why)

    said, _ = Peer(error).says(TO_OFFICE, b"DATA\r\n", b"Subject: A\r\n\r\nx\r\n.\r\n")

    assert answer in said
    assert refused(why) == before + 1


@pytest.mark.parametrize(
    "to", [b"other@mail.veche.test", b"bounce-0-a@mail.veche.test", b"office@elsewhere.test"]
)
def test_other_addresses_are_refused(to: bytes) -> None:
    before = refused("address")
    said, _ = Peer().says(b"EHLO x\r\nMAIL FROM:<>\r\n", b"RCPT TO:<" + to + b">\r\n")

    assert "550" in said
    assert refused("address") == before + 1


def test_mail_that_is_too_big_is_refused_and_counted_once() -> None:
    peer, before = Peer(), refused("size")
    line = b"x" * 998 + b"\r\n"
    lines = [line * 1_000] * (MAIL_BYTES_MAX // (1_000 * len(line)) + 1)
    said, _ = peer.says(TO_OFFICE, b"DATA\r\n", b"A: b\r\n\r\n", *lines, b".\r\n", QUIT)

    assert "552" in said
    assert peer.taken == []
    assert refused("size") == before + 1


SECOND: Final = b"MAIL FROM:<b@x.test>\r\nRCPT TO:<office@mail.veche.test>\r\nDATA\r\n2\r\n.\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 20_000 + b"\r\n.\r\n" + SECOND,
        b"a\n.\n" + SECOND + b"\r\n.\r\n",
        b"a\r.\r\n.\r\n" + SECOND,
        b"a\n.\r\n" + SECOND,
    ],
)
def test_what_could_hide_a_second_mail_ends_the_connection(body: bytes) -> None:
    peer, before = Peer(), refused("framing")

    _, is_ended = peer.says(TO_OFFICE, b"DATA\r\n", b"A: b\r\n\r\n" + body)

    assert is_ended
    assert peer.taken == []
    assert refused("framing") == before + 1


def test_with_too_many_connections_another_one_is_refused_until_one_ends() -> None:
    factory, before = Peer().factory, refused("busy")
    open_ones = [factory.buildProtocol(HERE) for _ in range(CONNECTIONS_MAX)]
    for one in open_ones:
        one.makeConnection(StringTransport())

    assert factory.buildProtocol(HERE) is None
    assert refused("busy") == before + 1
    for one in open_ones:
        one.connectionLost()
    assert factory.buildProtocol(HERE) is not None
