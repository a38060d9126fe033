"""Claims of one-time keys: a crowd costs few requests, and nobody waits for another's server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from veche.protocol.errors import UnavailableError
from veche.runtime.crypto.claims import Claims
from veche.runtime.crypto.core.values import PeerDevice
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW_MS = 1_764_000_000_000


def device(number: int, server: str = "here") -> PeerDevice:
    return PeerDevice(f"@person{number}:{server}", "D", f"curve{number}", f"ed{number}", True)


@attrs.define
class Client:
    """A homeserver that answers when the test says so; requests by the people they ask for."""

    asked: list[list[str]] = attrs.field(factory=list)
    answers: list[Deferred[Any]] = attrs.field(factory=list)

    async def call(self, method: str, target: str, **more: Any) -> Any:
        assert (method, target) == ("POST", "/_matrix/client/v3/keys/claim")
        self.asked.append(list(more["body"]["one_time_keys"]))
        self.answers.append(Deferred())
        return await self.answers[-1]


class OpeningWriter:
    """A writer that opens a session with every device that was asked for."""

    own = PeerDevice("@bot:here", "BOT", "", "", True)
    is_lost = False

    async def run(
        self, name: str, _: Any, devices: Sequence[PeerDevice], answer: object, now_ms: int
    ) -> list[PeerDevice]:
        assert (name, now_ms, answer) == ("crypto.claim", NOW_MS, {})
        if self.is_lost:
            raise LostWriterError("another process writes", retry_after_ms=1)
        return list(devices)


class ClaimsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client()
        self.writer = OpeningWriter()
        writer: Any = self.writer
        client: Any = self.client
        self.claims = Claims(writer, client)

    def claim(self, *devices: PeerDevice) -> Deferred[list[PeerDevice]]:
        return Deferred.fromCoroutine(self.claims.claim(devices, NOW_MS))

    def test_what_is_asked_for_meanwhile_goes_into_one_request(self) -> None:
        crowd = [self.claim(device(number)) for number in range(200)]
        assert self.client.asked == [["@person0:here"]]

        self.client.answers[0].callback({})
        assert len(self.client.asked) == 2
        assert len(self.client.asked[1]) == 199
        self.client.answers[1].callback({})

        found = [self.successResultOf(one) for one in crowd]
        assert found == [[device(number)] for number in range(200)]

    def test_a_slow_server_delays_only_its_own_people(self) -> None:
        far, near = self.claim(device(1, "far")), self.claim(device(2))
        assert len(self.client.answers) == 2

        self.client.answers[1].callback({})

        assert self.successResultOf(near) == [device(2)]
        assert not far.called

    def test_whoever_waits_goes_on_when_the_one_before_is_cancelled(self) -> None:
        first, second, third = (self.claim(device(number)) for number in range(3))
        for one in (first, second):
            one.cancel()
            self.failureResultOf(one, CancelledError)  # type: ignore[no-untyped-call]  # of trial
        self.client.answers[0].callback({})
        self.client.answers[1].callback({})

        assert self.successResultOf(third) == [device(2)]
        assert self.claims.is_due(device(2), NOW_MS)

    def test_all_who_wait_learn_that_another_process_writes(self) -> None:
        crowd = [self.claim(device(number)) for number in range(3)]
        self.writer.is_lost = True
        self.client.answers[0].callback({})
        self.client.answers[1].callback({})

        for one in crowd:
            self.failureResultOf(one, LostWriterError)  # type: ignore[no-untyped-call]  # of trial

    def test_a_device_whose_key_could_not_be_claimed_rests(self) -> None:
        far = device(1, "far")
        waiting = self.claim(far)
        self.client.answers[0].errback(UnavailableError("no answer", retry_after_ms=1))

        assert self.successResultOf(waiting) == []
        assert not self.claims.is_due(far, NOW_MS)

    def test_where_our_own_homeserver_fails_nobody_goes_without_a_key(self) -> None:
        crowd = [self.claim(device(number)) for number in range(3)]
        for number in range(2):
            error = MatrixError(500, {"errcode": "M_UNKNOWN"})
            self.client.answers[number].errback(error)

        for one in crowd:
            self.failureResultOf(one, UnavailableError)  # type: ignore[no-untyped-call]  # of trial
        assert self.claims.is_due(device(1), NOW_MS)
