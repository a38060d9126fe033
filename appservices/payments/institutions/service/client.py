"""How another institution is asked: where it is, what is signed, whether the answer is its own.

Whatever goes wrong on the way is one thing to whoever asks: there is no answer now. What it was
about has an id, so it is asked again.
"""

from __future__ import annotations

import logging
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.institutions.api import ANSWER, QUESTION, PeerAnswer, hash_of
from appservices.payments.institutions.core import AGE_MS_MAX, origin_of
from veche.protocol.canonical import canonical
from veche.protocol.errors import (
    BadSignatureError,
    MalformedError,
    ProtocolError,
    RefusedError,
    UnavailableError,
)
from veche.protocol.json_reader import LARGE_NODES_MAX, read_json
from veche.protocol.wire import mapping, parse
from veche.runtime import metrics
from veche.runtime.web.outbound import Outbound, place_of
from veche.transparency.notes import log_of, signer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.config import PaymentsSection, PeerSection
    from veche.runtime.process import Process
    from veche.transparency.notes import NoteSigner

logger = logging.getLogger(__name__)

WELL_KNOWN: Final = "/.well-known/veche/payments"
API_PATH: Final = "/_veche/peers/v1"
"""Of the API for other institutions, on the public site of each."""
QUESTIONS: Final = "/questions"
KEPT_MS: Final = 3_600_000
"""How long it is remembered where a peer is."""
AT_ONCE_MAX: Final = 6
"""Questions to one peer at a time, and only one while it is silent: what hangs must not hold up the
other jobs."""
REST_MS_MIN: Final = 500
REST_MS_MAX: Final = 60_000
"""How long nothing is asked of a peer that did not answer; twice as long after each time."""
NEVER_MS: Final = 300_000
_OK: Final = 200
_EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))

_asked = metrics.counter(
    "veche_payment_peer_questions_total", "Questions to other institutions.", ["kind", "end"]
)


class NoAnswerFromPeerError(UnavailableError):
    """Another institution gives no valid answer now."""

    errcode = "ORG.VECHE.PEER_SILENT"


class PeerClient:
    """Asks other institutions."""

    def __init__(self, host: Process, section: PaymentsSection, signer: NoteSigner) -> None:
        """Make it.

        Args:
            host: What it lives in.
            section: Who the others are.
            signer: In the name of this institution.
        """
        self._host = host
        self._section = section
        self._signer = signer
        listed = [ip_network(one) for one in section.webhook_networks]
        # Where the operator wrote an address, it may be one of their own network.
        self._named = Outbound(host.reactor, allowed=_EVERYWHERE)
        self._found = Outbound(host.reactor, allowed=listed)
        self._where: dict[str, tuple[str, int]] = {}
        self._running: dict[str, int] = {}
        self._failures: dict[str, tuple[int, int]] = {}

    async def ask(
        self, server: str, kind: str, **more: object
    ) -> tuple[PeerAnswer, Mapping[str, Any]]:
        """Ask another institution something.

        Args:
            server: Its server.
            kind: As in ``Question``.
            **more: What belongs to it.

        Returns:
            The answer, and as it was signed: evidence.

        Raises:
            NoAnswerFromPeerError: There is none, or none that it signed, or none to this question.
        """
        peer = self._section.peer(server)
        if peer is None:
            raise NoAnswerFromPeerError(
                f"there is no agreement with {server}", retry_after_ms=NEVER_MS
            )
        self._begin(server)
        try:
            found = await self._ask(peer, kind, more)
        except (UnavailableError, RefusedError, ProtocolError) as e:
            _asked.labels(kind, "no answer").inc()
            logger.info("peer %s, %s: %s", server, kind, e)
            self._where.pop(server, None)
            raise NoAnswerFromPeerError(
                f"{server} does not answer", retry_after_ms=self._fail(server)
            ) from e
        finally:
            self._running[server] -= 1
        _asked.labels(kind, found[0].state).inc()
        self._failures.pop(server, None)
        return found

    def _begin(self, server: str) -> None:
        """Take a place among the questions to a peer."""
        failures, rests_until_ms = self._failures.get(server, (0, 0))
        rest_ms = min(rests_until_ms - self._host.now_ms(), REST_MS_MAX)
        running, most = self._running.get(server, 0), 1 if failures else AT_ONCE_MAX
        if rest_ms > 0 or running >= most:
            raise NoAnswerFromPeerError(
                f"{server} is not asked now", retry_after_ms=max(REST_MS_MIN, rest_ms)
            )
        self._running[server] = running + 1

    def _fail(self, server: str) -> int:
        """Let a peer rest that did not answer, longer each time; how long."""
        failures = self._failures.get(server, (0, 0))[0] + 1
        rest_ms = min(REST_MS_MAX, REST_MS_MIN << min(failures, 10))
        self._failures[server] = failures, self._host.now_ms() + rest_ms
        return rest_ms

    async def _ask(
        self, peer: PeerSection, kind: str, more: Mapping[str, object]
    ) -> tuple[PeerAnswer, Mapping[str, Any]]:
        question = self.question(peer.server, kind, more)
        url = await self._url(peer)
        place, target = place_of(url + QUESTIONS)
        client = self._named if peer.url is not None else self._found
        sent = canonical({"message": question}, where="question")
        answer = await client.post(place, target, sent)
        if answer.status != _OK:
            raise NoAnswerFromPeerError(f"status {answer.status}", retry_after_ms=REST_MS_MIN)
        message = mapping(_object(answer.body).get("message"))
        return self.read(peer, message, hash_of(question)), message

    def question(self, server: str, kind: str, more: Mapping[str, object]) -> dict[str, Any]:
        """A question, signed; arguments as for ``ask``."""
        body = {
            "v": 1,
            "type": QUESTION,
            "asker": self._host.server_name,
            "asked": server,
            "at_ms": self._host.now_ms(),
            "kind": kind,
            **{name: value for name, value in more.items() if value is not None},
        }
        return self._signer.sign_object(body)

    def read(self, peer: PeerSection, message: Mapping[str, Any], question: str) -> PeerAnswer:
        """An answer, once it is sure that the peer gave it to this question, now.

        Args:
            peer: Who was asked.
            message: As received.
            question: Hash of what was asked.

        Raises:
            BadSignatureError: It is none.
            MalformedError: It has another form.
        """
        if log_of(signer_of(message, peer.verifiers())) != origin_of(peer.server):
            raise BadSignatureError("somebody else signed the answer")
        answer = parse(PeerAnswer, message, where="message")
        is_to_us = answer.asker == self._host.server_name and answer.asked == peer.server
        is_young = abs(answer.at_ms - self._host.now_ms()) <= AGE_MS_MAX
        if not is_to_us or not is_young or answer.question != question or answer.type != ANSWER:
            raise BadSignatureError("the answer is to another question")
        return answer

    async def _url(self, peer: PeerSection) -> str:
        """Where its API is: as the operator wrote, or as its server says and it signed."""
        if peer.url is not None:
            return peer.url.rstrip("/") + API_PATH
        now_ms = self._host.now_ms()
        url, until_ms = self._where.get(peer.server, ("", 0))
        if not now_ms <= until_ms <= now_ms + KEPT_MS:
            place, target = place_of(f"https://{peer.server}{WELL_KNOWN}")
            answer = await self._found.get(place, target)
            if answer.status != _OK:
                raise NoAnswerFromPeerError(f"status {answer.status}", retry_after_ms=REST_MS_MIN)
            url = read_well_known(_object(answer.body), peer, now_ms)
            self._where[peer.server] = url, now_ms + KEPT_MS
        return url


def read_well_known(told: Mapping[str, Any], peer: PeerSection, now_ms: int) -> str:
    """Where the API of a peer is, by what its server says.

    Args:
        told: As received.
        peer: With the keys by which it must be signed.
        now_ms: UTC.

    Raises:
        BadSignatureError: None of its keys signed it, or it is old, or of another institution.
        MalformedError: It has another form.
    """
    if log_of(signer_of(told, peer.verifiers())) != origin_of(peer.server):
        raise BadSignatureError("somebody else signed it")
    server, url, api, until_ms = (told.get(one) for one in ("server", "url", "peers", "until_ms"))
    if server != peer.server or type(until_ms) is not int or until_ms < now_ms:
        raise BadSignatureError("it is of another institution, or old")
    if not isinstance(url, str) or not isinstance(api, str) or not url.startswith("https://"):
        raise MalformedError("well-known", "should say where the API is")
    return url.rstrip("/") + api


def _object(data: bytes) -> Mapping[str, Any]:
    return mapping(read_json(data, where="answer", nodes_max=LARGE_NODES_MAX))
