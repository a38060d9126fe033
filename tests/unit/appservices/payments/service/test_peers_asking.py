"""Asking another institution: what is no answer, and how long it is left alone after one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.institutions.api import ANSWER, hash_of
from appservices.payments.institutions.service.client import (
    AT_ONCE_MAX,
    REST_MS_MAX,
    REST_MS_MIN,
    NoAnswerFromPeerError,
    PeerClient,
)
from tests.support.tables import each_row
from veche.runtime.web.http_client import Answer, NoAnswerError
from veche.runtime.web.outbound import OutboundRefusedError
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

HERE, THERE = "here.test", "there.test"
MINE = NoteSigner(f"{HERE}/veche/ledger/v1/0", b"a" * 32)
THEIRS = NoteSigner(f"{THERE}/veche/ledger/v1/0", b"b" * 32)
STRANGER = NoteSigner(f"{THERE}/veche/ledger/v1/0", b"x" * 32)
NOW_MS = 1_790_000_000_000


@attrs.define
class Wire:
    """What lies between; it answers, or does not."""

    reply: Callable[[Mapping[str, Any]], Answer]
    posted: list[str] = attrs.field(factory=list)
    got: list[str] = attrs.field(factory=list)

    async def post(self, place: Any, target: str, body: bytes) -> Answer:
        """A question."""
        self.posted.append(f"{place.name}{target}")
        return self.reply(json.loads(body)["message"])

    async def get(self, place: Any, target: str) -> Answer:
        """Where a peer is."""
        self.got.append(f"{place.name}{target}")
        told = {
            "server": THERE,
            "url": "https://pay.there.test",
            "peers": "/_veche/peers/v1",
            "until_ms": NOW_MS + 10**9,
        }
        return answer(THEIRS.sign_object(told))


def answer(body: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def said(question: Mapping[str, Any], signer: NoteSigner = THEIRS, **more: object) -> Answer:
    """An answer that counts, but for what a test changes."""
    body = {
        "v": 1,
        "type": ANSWER,
        "asker": HERE,
        "asked": THERE,
        "at_ms": NOW_MS,
        "question": hash_of(question),
        "state": "known",
        "name": "Bob",
        **more,
    }
    return answer({"message": signer.sign_object(body)})


def client_of(wire: Wire, **peer: object) -> tuple[PeerClient, Any]:
    """A client, and its clock."""
    agreed = {
        "server": THERE,
        "keys": [THEIRS.verifier.to_text()],
        "they_owe_max": {"EUR": "5"},
        **peer,
    }
    section = PaymentsSection.model_validate(
        {**payments_demo.payments_section(), "peers": [agreed]}
    )
    clock = SimpleNamespace(ms=NOW_MS)
    host = SimpleNamespace(server_name=HERE, reactor=None, now_ms=lambda: clock.ms)
    client = PeerClient(cast("Any", host), section, MINE)
    client._named = client._found = cast("Any", wire)
    return client, clock


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine that waits for nothing returns."""
    with pytest.raises(StopIteration) as ended:
        work.send(None)
    return ended.value.value


def ask(client: PeerClient) -> Any:
    """The state and the name of an answer."""

    async def work() -> tuple[str, str | None]:
        found, message = await client.ask(THERE, "who", address="@bob:there.test", currency="EUR")
        assert message["signatures"]
        return found.state, found.name

    return run(work())


def refused(client: PeerClient, server: str = THERE) -> NoAnswerFromPeerError:
    """The error of a question that has no answer."""
    with pytest.raises(NoAnswerFromPeerError) as raised:
        client.ask(server, "who").send(None)
    return raised.value


def test_a_peer_is_found_by_what_its_server_says_and_signed() -> None:
    wire = Wire(said)
    client, clock = client_of(wire)

    assert ask(client) == ask(client) == ("known", "Bob")
    assert wire.got == [f"{THERE}/.well-known/veche/payments"]
    assert wire.posted == ["pay.there.test/_veche/peers/v1/questions"] * 2
    clock.ms += 3_600_001
    wire.reply = lambda question: said(question, at_ms=clock.ms)
    assert ask(client) == ("known", "Bob")
    assert len(wire.got) == 2


def test_where_the_operator_wrote_it_nobody_else_is_asked() -> None:
    wire = Wire(said)
    client, _ = client_of(wire, url="http://10.0.0.7:8080/")

    assert ask(client) == ("known", "Bob")
    assert (wire.got, wire.posted) == ([], ["10.0.0.7:8080/_veche/peers/v1/questions"])


def _down(_question: Mapping[str, Any]) -> Answer:
    raise NoAnswerError("no connection", retry_after_ms=1)


def _elsewhere(_question: Mapping[str, Any]) -> Answer:
    raise OutboundRefusedError("the other server redirects")


@each_row(
    "reply",
    [
        _down,
        _elsewhere,
        lambda question: attrs.evolve(said(question), status=500),
        lambda _: Answer(200, {}, b"<html>"),
        lambda _: answer({"message": []}),
        lambda _: answer({}),
        lambda question: said(question, STRANGER),
        lambda question: said(question, MINE),
        lambda question: said({**question, "at_ms": 1}),
        lambda question: said(question, asker="third.test"),
        lambda question: said(question, asked="third.test"),
        lambda question: said(question, at_ms=NOW_MS - 300_001),
        lambda question: said(question, at_ms=NOW_MS + 300_001),
        lambda question: said(question, state="yes"),
        lambda question: said(question, type="org.veche.peer.question"),
        lambda question: answer({"message": question}),
    ],
)
def test_whatever_is_wrong_there_is_no_answer(
    reply: Callable[[Mapping[str, Any]], Answer],
) -> None:
    client, _ = client_of(Wire(reply))

    error = refused(client)

    assert error.errcode == "ORG.VECHE.PEER_SILENT"
    assert error.retry_after_ms == 2 * REST_MS_MIN


def test_a_silent_peer_rests_longer_each_time_and_is_asked_by_one_then() -> None:
    wire = Wire(_down)
    client, clock = client_of(wire)
    rests = []
    for _ in range(10):
        rests.append(refused(client).retry_after_ms)
        asked = len(wire.posted)
        clock.ms += rests[-1] - 1
        assert refused(client).retry_after_ms >= REST_MS_MIN
        assert len(wire.posted) == asked, "it is left alone"
        clock.ms += 1
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (1_000, REST_MS_MAX)

    wire.reply = lambda question: said(question, at_ms=clock.ms)
    assert ask(client) == ("known", "Bob")
    assert ask(client) == ("known", "Bob")


def test_one_that_hangs_has_a_few_questions_at_once() -> None:
    wire = Wire(said)
    client, _ = client_of(wire)
    for _ in range(AT_ONCE_MAX):
        client._begin(THERE)

    assert refused(client).retry_after_ms == REST_MS_MIN
    assert wire.posted == []


def test_who_there_is_no_agreement_with_is_not_asked() -> None:
    wire = Wire(said)
    client, _ = client_of(wire)

    assert "no agreement" in str(refused(client, "third.test"))
    assert (wire.got, wire.posted) == ([], [])
