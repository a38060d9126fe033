"""A directory of others is followed over HTTP and kept in a database, whatever it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from appservices.acts import store
from appservices.acts.config import ActsSection, TrustedSection
from appservices.acts.following import Following
from tests.support.directories import LOG, Written, bundle
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S
from veche.contracts.directory.bundle import BundleError
from veche.protocol.errors import UnavailableError, VecheError
from veche.runtime.database import Database
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.web.http_client import AnswerTooLargeError, NoAnswerError
from veche.runtime.web.outbound import OutboundRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.web.iweb import IRequest

    from appservices.acts.scene import Parts

pytestmark = pytest.mark.postgres

reactor: Any = default_reactor
ACTS: Final = MigrationSet("acts", "appservices.acts")
NOW_MS: Final = 1_790_000_000_000


class Served(Resource):
    """A directory as it answers: honestly, or as a test says."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self.written = Written()
        self.answer: Callable[[Any, int], bytes | int] | None = None
        self.asked: list[int] = []

    def enter(self, *organisations: str, **more: Any) -> None:
        for one in organisations:
            assert self.written.add(self.written.org(one, **more)) is None

    def render_GET(self, request: Any) -> bytes | int:
        assert request.path == b"/_veche/directory/v1/bundle"
        since = int(request.args[b"since"][0])
        self.asked.append(since)
        if self.answer is not None:
            return self.answer(request, since)
        return json.dumps(bundle(self.written.texts, since, self.written.key())).encode()


@attrs.frozen
class Host:
    reactor: Any
    database: Database

    def now_ms(self) -> int:
        return NOW_MS

    def spawn(self, _name: str, _work: Any) -> None:
        raise AssertionError("nothing runs beside the test")


@attrs.frozen
class Part:
    host: Host
    section: ActsSection


def _status(status: int, **headers: str) -> Callable[[Any, int], bytes]:
    def answer(request: IRequest, _since: int) -> bytes:
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.encode(), value.encode())
        return b"{}"

    return answer


class FollowingTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        opened = database(*KERNEL_SETS, ACTS)
        dsn = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.database = Database(dsn, reactor, threads=2)
        self.addCleanup(self.database.close)
        self.served = Served()
        factory = Site(self.served)
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(self.close)
        self.trusted = self.trust("127.0.0.0/8")
        self.following = self.new()

    def close(self) -> Any:
        return self.port.stopListening()

    def trust(self, *networks: str) -> TrustedSection:
        keys = [self.served.written.key().verifier.to_text()]
        url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.section = ActsSection.model_validate(
            {
                "id": "here",
                "name": {"en": "Who"},
                "trusted": [{"url": url, "keys": keys}],
                "networks": networks,
            }
        )
        return self.section.trusted[0]

    def new(self) -> Following:
        """A process that follows."""
        return Following(cast("Parts", Part(Host(reactor, self.database), self.section)))

    def follow(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.following.follow(self.trusted))

    async def kept(self) -> tuple[list[str], tuple[int, int, str | None]]:
        """The entries that are kept; of how many one knows, since when, and what is wrong."""

        def read(txn: Any) -> tuple[list[str], tuple[int, int, str | None]]:
            texts = [text for _, text in store.entries(txn, LOG, 0)]
            txn.execute("SELECT size, seen_at_ms, why FROM acts.followed WHERE log = %s", (LOG,))
            return texts, cast("tuple[int, int, str | None]", txn.fetchone())

        return await self.database.run("test", read)

    async def test_its_entries_are_kept_and_only_new_ones_asked_for(self) -> None:
        self.served.enter("a", "b")
        await self.follow()
        first = await self.kept()
        self.served.enter("c")
        await self.follow()
        await self.follow()

        assert first == (self.served.written.texts[:2], (2, NOW_MS, None))
        assert await self.kept() == (self.served.written.texts, (3, NOW_MS, None))
        assert self.served.asked == [0, 2, 3]

    async def test_more_entries_than_one_bundle_has_are_followed_in_one_round(self) -> None:
        self.served.enter(*(f"org{number}" for number in range(205)))
        await self.follow()

        assert len((await self.kept())[0]) == 205
        assert self.served.asked == [0, 100, 200]

    async def test_a_bundle_of_large_entries_fits(self) -> None:
        # Written in ASCII, as our site does, a Cyrillic letter has three times as many bytes.
        purposes = [
            {"code": f"p{number}", "title": {"ru": "Ы" * 150}, "basis": "Ы" * 150}
            for number in range(40)
        ]
        self.served.enter(*(f"org{number}" for number in range(6)), purposes=purposes)
        await self.follow()

        assert len((await self.kept())[0]) == 6

    async def test_two_processes_that_follow_at_once_keep_each_entry_once(self) -> None:
        self.served.enter(*(f"org{number}" for number in range(30)))
        both = [Deferred.fromCoroutine(self.new().follow(self.trusted)) for _ in range(4)]
        await gatherResults(both, consumeErrors=True)

        assert (await self.kept())[0] == self.served.written.texts

    async def test_what_is_not_proven_changes_nothing_and_is_kept_as_a_doubt(self) -> None:
        self.served.enter("a", "b", "c")
        await self.follow()
        good = await self.kept()
        fork = Written()
        for one in ("a", "x", "c", "d"):
            assert fork.add(fork.org(one)) is None
        texts, key = self.served.written.texts, fork.key()
        cases: dict[str, Callable[[Any, int], bytes]] = {
            "begin with the entries": lambda _, at: json.dumps(
                bundle(fork.texts, at, key)
            ).encode(),
            "had 3 entries, and has 2": lambda _, __: json.dumps(
                bundle(texts[:2], 2, key)
            ).encode(),
            "JSON": lambda _, __: b'{"v": 1',
            "bundle.v": lambda _, __: b"{}",
        }
        for reason, answer in cases.items():
            self.served.answer = answer
            with pytest.raises(BundleError, match=reason):
                await self.follow()
            texts_now, (size, _, why) = await self.kept()
            assert (texts_now, size) == (good[0], good[1][0])
            assert why

        self.served.answer = None
        self.served.enter("d")
        await self.follow()
        assert (await self.kept())[1] == (4, NOW_MS, None)

    async def test_a_first_bundle_of_another_key_keeps_nothing(self) -> None:
        other = Written(log=f"{LOG}2")
        assert other.add(other.org("a")) is None
        self.served.answer = lambda _, at: json.dumps(bundle(other.texts, at, other.key())).encode()
        with pytest.raises(BundleError, match="is not signed by"):
            await self.follow()

        texts, (_, _, why) = await self.kept()
        assert texts == []
        assert "is not signed by" in (why or "")

    async def test_who_does_not_answer_well_is_in_no_doubt(self) -> None:
        self.served.enter("a")
        await self.follow()
        good = await self.kept()

        def hang_up(request: Any, _since: int) -> int:
            request.transport.abortConnection()
            request.notifyFinish().addErrback(
                lambda failure: failure.trap(ConnectionDone, Exception)
            )
            return NOT_DONE_YET

        cases: list[tuple[Callable[[Any, int], bytes | int], type[VecheError]]] = [
            (_status(500), UnavailableError),
            (_status(404), UnavailableError),
            (_status(302, location="http://127.0.0.1:1/"), OutboundRefusedError),
            (lambda _, __: b"x" * 3_000_000, AnswerTooLargeError),
            (hang_up, NoAnswerError),
        ]
        for answer, error in cases:
            self.served.answer = answer
            with pytest.raises(error):
                await self.follow()
            assert await self.kept() == good
        await self.port.stopListening()
        with pytest.raises(NoAnswerError):
            await self.follow()
        assert await self.kept() == good

    async def test_our_own_network_is_asked_only_if_it_is_listed(self) -> None:
        self.served.enter("a")
        self.trusted = self.trust()
        self.following = self.new()
        with pytest.raises(OutboundRefusedError):
            await self.follow()

        assert self.served.asked == []
