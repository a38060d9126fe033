"""Our logs and their witnesses over HTTP: what they sign, and what happens when they do not."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from appservices.witness.folder import WitnessFolder
from appservices.witness.routes import WitnessRoutes
from appservices.witness.witness import Witness
from tests.integration.veche.rig import until
from tests.support.postgres import database, execute, session, waiting_count
from tests.support.processes import TIMEOUT_S
from veche.acts import Act, ActLog, heads
from veche.acts.head_store import ActTree
from veche.acts.heads import ActHeads
from veche.acts.witnesses import store
from veche.acts.witnesses.asking import Witnesses
from veche.cli.main import main
from veche.protocol.acts import ActClass, call_form
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import UserId
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import Database
from veche.runtime.database.embedded import binaries
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.web import new_site
from veche.runtime.web.limits import Limit
from veche.transparency.act_proof import ACTS_KEY, verify_acts
from veche.transparency.cosignatures import are_enough
from veche.transparency.notes import Cosigner, NoteSigner, cosignatures, open_checkpoint
from veche.transparency.witness_proofs import read_witnessed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.acts import signed_tree
    from veche.runtime.database import Cursor
    from veche.transparency.notes import VerifierKey

reactor: Any = default_reactor
pytestmark = pytest.mark.postgres

SERVER, TOWN = "veche.test", "lindenau"
SEED = b"s" * 32
ALICE = UserId("@alice:veche.test")
ACTS = ActLog(bytes(32))


def now_ms() -> int:
    return int(reactor.seconds() * 1000)


def act(txn: Cursor, count: int) -> None:
    for _ in range(count):
        one = Act(TOWN, ActClass.MESSAGE, ALICE, "test", "a law", case="01CASE", why="because")
        ACTS.commit(txn, one, call_form("test", "do"), now_ms())


class Neighbour:
    """A witness that somebody else runs, served by this process."""

    def __init__(self, case: TestCase, name: str, keys: Mapping[str, list[VerifierKey]]) -> None:
        folder = tempfile.TemporaryDirectory()
        case.addCleanup(folder.cleanup)
        self.cosigner = Cosigner(name, name.encode().ljust(32, b"."))
        self.folder = WitnessFolder(Path(folder.name), keys)
        case.addCleanup(self.folder.close)
        self.witness = Witness(self.cosigner, self.folder, keys)
        routes = WitnessRoutes(
            self.witness, reactor, Limit(burst=1000, per_s=1000), trust_forwarded=False
        )
        site: Any = new_site(routes.app.resource(), reactor)
        self.asked_count = 0
        answer = site.began

        def began(request: Any) -> None:
            self.asked_count += 1
            answer(request)

        site.began = began
        self.port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        case.addCleanup(self.close)

    @property
    def key(self) -> VerifierKey:
        return self.cosigner.verifier

    @property
    def section(self) -> dict[str, str]:
        return {"key": self.key.to_text(), "url": f"http://127.0.0.1:{self.port.getHost().port}/"}

    async def close(self) -> None:
        if not self.port.disconnected:
            await self.port.stopListening()


class Town:
    """A server with a log of acts, on a database of its own."""

    def __init__(self, case: TestCase) -> None:
        scope = database(MigrationSet("runtime", "veche.runtime"))
        self.dsn = scope.__enter__()
        case.addCleanup(scope.__exit__, None, None, None)
        self.database = Database(self.dsn, reactor)
        case.addCleanup(self.database.close)
        self.use([], 1)

    def use(self, neighbours: list[Neighbour], needed: int, **changes: Any) -> None:
        """Have its heads shown to witnesses."""
        section = {
            "of": [one.section for one in neighbours],
            "needed": needed,
            "networks": ["127.0.0.0/8"],
            **changes,
        }
        self.witnesses = Witnesses(self.database, reactor, WitnessesSection.model_validate(section))
        self.heads = ActHeads(self.witnesses, SERVER, SEED)
        self.signer = self.heads.signer(TOWN)
        self.origin = self.signer.verifier.name

    async def do(self, count: int) -> None:
        """Act, sign the head, and show it."""
        await self.database.run("act", act, count)
        await self.database.run("head", heads.publish, self.signer, TOWN, now_ms())
        await self.show()

    async def show(self) -> None:
        # Whoever failed is due at once.
        execute(self.dsn, "UPDATE runtime.witness_turn SET due_at_ms = 0")
        await self.witnesses.show_all(self.heads.trees)

    async def vouched(self) -> signed_tree.Head | None:
        tree = ActTree(TOWN)
        return await self.database.run("test", self.witnesses.newest, self.origin, tree)

    async def file(self) -> dict[str, Any]:
        """What a person saves, as it is read elsewhere."""
        subject = ACTS.pseudonym(TOWN, ALICE)
        proof = await self.database.run("test", self.heads.proof, TOWN, subject, now_ms())
        found: dict[str, Any] = json.loads(json.dumps(self.signer.sign_object({ACTS_KEY: proof})))
        return found

    async def answer(self, after: int) -> dict[str, Any] | None:
        """Its newest head for whoever has an older one, as its site answers; None: 404."""
        try:
            head, path = await self.database.run("test", heads.extended, TOWN, after)
        except NotFoundError:
            return None
        return {"checkpoint": head.note, "consistency": list(path)}

    async def answers(self) -> dict[str, Any]:
        """The paths of its site, for whoever has a head of five acts."""
        keys = {"v": 1, "api": "/_veche/acts/v1", "keys": [self.signer.verifier.to_text()]}
        query = f"organisation={TOWN}"
        return {
            f"/.well-known/veche/acts?{query}": keys,
            f"/_veche/acts/v1/heads?after=5&{query}": await self.answer(5),
            f"/_veche/acts/v1/heads?{query}": await self.answer(0),
        }

    async def failing(self) -> list[str]:
        keys = [key.to_text() for key in self.witnesses.keys]
        return [one.why for one in await self.database.run("test", store.failing, keys)]


class AskingTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        self.town = Town(self)
        keys = {self.town.origin: [self.town.signer.verifier]}
        self.first = Neighbour(self, "w.example/w1", keys)
        self.second = Neighbour(self, "w.example/w2", keys)
        self.keys = [self.town.signer.verifier, self.first.key, self.second.key]

    async def test_each_head_is_signed_by_all_and_a_file_of_acts_shows_it(self) -> None:
        self.town.use([self.first, self.second], 2)
        for count in (1, 4, 2):
            await self.town.do(count)
        proven = verify_acts(await self.town.file(), self.keys)
        found = await self.town.vouched()

        assert found is not None
        assert set(cosignatures(found.note, self.keys)) == {self.first.key, self.second.key}
        assert proven.cosigned is not None
        assert proven.cosigned.size == proven.head.size == 7
        assert are_enough(proven.cosigned, self.keys, 2)
        assert not are_enough(proven.cosigned, self.keys[:2], 2)
        assert await self.town.failing() == []

    async def test_acts_that_no_witness_has_seen_yet_are_proven_beside_those_that_are(self) -> None:
        self.town.use([self.first], 1)
        await self.town.do(3)
        await self.town.database.run("act", act, 2)
        file = await self.town.file()
        proven = verify_acts(file, self.keys)

        assert (proven.head.size, len(proven.acts)) == (5, 5)
        assert proven.cosigned is not None
        assert proven.cosigned.size == 3
        newest = open_checkpoint(file[ACTS_KEY]["checkpoint"], self.keys)
        beside = await self.town.database.run("test", self.town.heads.witnessed, TOWN, 5)
        assert beside is not None
        assert read_witnessed(beside, newest, self.keys) == proven.cosigned

    async def test_one_that_is_away_stops_nothing_and_catches_up(self) -> None:
        self.town.use([self.first, self.second], 2, late_ms=1)
        await self.town.do(2)
        url = self.second.port.getHost().port
        await self.second.close()
        with self.assertLogs("veche.acts.witnesses.asking", "WARNING") as logs:
            await self.town.do(3)
            await self.town.do(1)
        away = await self.town.vouched()
        self.second.port = reactor.listenTCP(url, self.second.port.factory, interface="127.0.0.1")
        failing = await self.town.failing()
        await self.town.show()
        back = await self.town.vouched()

        assert away is not None
        assert away.size == 2
        assert failing == ["no connection"]
        assert any("fewer than 2 witnesses" in line for line in logs.output)
        assert back is not None
        assert back.size == 6
        assert await self.town.failing() == []

    async def test_a_log_that_shows_two_histories_finds_no_witness_for_the_second(self) -> None:
        self.town.use([self.first], 1)
        await self.town.do(4)
        other = Town(self)
        other.use([self.first], 1)
        with self.assertLogs("appservices.witness", "WARNING") as logs:
            await other.do(4)
            await other.show()
        same_size = await other.failing()
        await other.do(3)
        await other.show()

        assert await other.vouched() is None
        assert same_size == ["it has another head of 4 acts of this log"]
        assert (await other.failing())[0].startswith("422 ")
        assert any("has signed two heads of 4 entries" in line for line in logs.output)
        [seen] = self.first.witness.seen()
        assert seen.forks_count == 1
        # The first history goes on.
        await self.town.do(1)
        going_on = await self.town.vouched()
        assert going_on is not None
        assert going_on.size == 5

    async def test_a_database_that_lost_heads_is_told_so(self) -> None:
        self.town.use([self.first], 1)
        await self.town.do(4)
        restored = Town(self)
        restored.use([self.first], 1)
        await restored.do(2)

        assert "our database has lost what was signed" in (await restored.failing())[0]

    async def test_a_restored_log_that_goes_on_is_found_out_by_witness_and_verifier(self) -> None:
        self.town.use([self.first], 1)
        await self.town.do(2)
        restored = self.restored(self.town)
        await self.town.do(3)
        saved = await self.town.file()

        steps = ((1, "our database has lost"), (2, "has another head of 5 acts"), (3, "422 "))
        for count, why in steps:
            restored.use([self.first], 1)
            await restored.do(count)
            await restored.show()
            assert why in (await restored.failing())[0]
            vouched = await restored.vouched()
            # What the witness has signed for the restored one is of before, and nothing after it.
            assert vouched is not None
            assert vouched.size == 2
            code, said = self.verify(saved, await restored.answers())
            assert code == 1
            assert "False: the head in the file is not the beginning of the log of today" in said
        [seen] = self.first.witness.seen()
        assert seen.forks_count == 1
        assert self.verify(saved, await self.town.answers())[0] == 0

    def restored(self, town: Town) -> Town:
        """The same log on a copy of the database of now, without the files of its heads."""
        restored, backup = Town(self), Path(self.mktemp())  # type: ignore[no-untyped-call]  # trial's
        execute(
            restored.dsn,
            "DO $$ DECLARE name text; BEGIN FOR name IN SELECT nspname FROM pg_namespace"
            " WHERE nspname !~ '^pg_|^information_schema$|^public$' LOOP"
            " EXECUTE 'DROP SCHEMA ' || quote_ident(name) || ' CASCADE'; END LOOP; END $$",
        )
        for command in (
            ["pg_dump", "-Fc", "-f", str(backup), town.dsn],
            ["pg_restore", "-d", restored.dsn, str(backup)],
        ):
            subprocess.run([str(binaries() / command[0]), *command[1:]], check=True)
        return restored

    def verify(self, file: dict[str, Any], answers: Mapping[str, Any]) -> tuple[int, str]:
        """What `veche verify --online` says of a file, by a site that answers so."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = answers.get(self.path)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        path = Path(self.mktemp())  # type: ignore[no-untyped-call]  # trial's
        path.write_text(json.dumps(file))
        with HTTPServer(("127.0.0.1", 0), Handler) as server, redirect_stderr(StringIO()) as said:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}"
            with redirect_stdout(said):
                code = main(["verify", str(path), "--online", "--site", url])
            server.shutdown()
            thread.join()
        return code, said.getvalue()

    async def test_what_a_witness_signed_and_we_did_not_keep_is_asked_for_again(self) -> None:
        self.town.use([self.first], 1)
        await self.town.do(4)
        execute(
            self.town.dsn,
            "ALTER TABLE runtime.cosignature DISABLE TRIGGER USER;"
            "DELETE FROM runtime.cosignature; DELETE FROM runtime.witness_turn",
        )
        await self.town.show()
        await self.town.show()
        found = await self.town.vouched()

        assert found is not None
        assert found.size == 4

    async def test_processes_that_ask_at_once_ask_once(self) -> None:
        self.town.use([self.first], 1)
        await self.town.database.run("act", act, 3)
        await self.town.database.run("head", heads.publish, self.town.signer, TOWN, now_ms())
        works = [
            Deferred.fromCoroutine(self.town.witnesses.show_all(self.town.heads.trees))
            for _ in range(4)
        ]
        await gatherResults(works)

        assert self.first.asked_count == 1

    async def test_a_turn_that_ends_with_a_signature_is_not_taken_again(self) -> None:
        turn, at_ms = (self.town.origin, "w", 3), now_ms()
        with session(self.town.dsn) as one, session(self.town.dsn) as two:
            with one.cursor() as txn:
                assert store.take_turn(txn, *turn, at_ms, at_ms + 60_000) == 0
            one.commit()
            with one.cursor() as txn:
                store.signed(txn, *turn[:2], 3, "line", at_ms)

            def take() -> int | None:
                with two.cursor() as txn:
                    return store.take_turn(txn, *turn, at_ms, at_ms + 60_000)

            taking = deferToThread(take)
            await until(lambda: waiting_count(self.town.dsn) == 1, "it waits for no one")
            one.commit()

            assert await taking is None
            # It is free for the next head.
            with one.cursor() as txn:
                two.commit()
                assert store.take_turn(txn, *turn[:2], 4, at_ms, at_ms + 60_000) == 3

    async def test_what_is_signed_with_another_key_is_not_kept(self) -> None:
        thief = Neighbour(self, "w.example/w3", {self.town.origin: [self.town.signer.verifier]})
        section = {**thief.section, "key": self.first.key.to_text()}
        self.town.use([], 1)
        self.town.witnesses = Witnesses(
            self.town.database,
            reactor,
            WitnessesSection.model_validate({"of": [section], "networks": ["127.0.0.0/8"]}),
        )
        await self.town.do(1)

        assert "signs with another key" in (await self.town.failing())[0]
        assert await self.town.vouched() is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"needed": 2}, "needed is more"),
        (
            {"of": [{"key": Cosigner("w", SEED).verifier.to_text(), "url": "http://w.example"}]},
            "https",
        ),
        ({"of": [{"key": "x", "url": "https://w.example"}]}, "name"),
        (
            {
                "of": [
                    {
                        "key": NoteSigner("o", SEED).verifier.to_text(),
                        "url": "https://w.example",
                    }
                ]
            },
            "key of a witness",
        ),
    ],
)
def test_witnesses_that_cannot_work_are_refused(changes: dict[str, Any], words: str) -> None:
    one = {"key": Cosigner("w", SEED).verifier.to_text(), "url": "https://w.example/x"}
    assert WitnessesSection.model_validate({"of": [one]}).of

    with pytest.raises(ValueError, match=words):
        WitnessesSection.model_validate({"of": [one], **changes})
