"""The directory beside a real homeserver and database: it lists its bots, and the bot tells."""

from __future__ import annotations

import json
import secrets
import ssl
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.acts.demo import OFFICE, OFFICE_BOT, OFFICIAL_BOT, acts_section
from appservices.agency.demo import agency_section
from tests.support.customers import Customer
from tests.support.directories import Written
from tests.support.foreign import certificate_pem
from tests.support.processes import ROOT, Child, wait_until
from tests.support.served_directory import served
from tests.support.services import AGENCY, House, house
from veche.contracts.directory.bundle import Bundle, Held, followed
from veche.contracts.directory.rules import Directory
from veche.contracts.directory.snapshot import Root
from veche.protocol.wire import parse
from veche.runtime.database.migrate import MigrationSet
from veche.transparency.notes import NoteSigner, read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.served_directory import Served

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

VECHE: Final = (sys.executable, "-m", "veche.cli.main", "directory")
ACTS: Final = MigrationSet("acts", "appservices.acts")


@attrs.frozen
class Town:
    """A house with an office and a directory, and somebody who asks."""

    house: House
    configuration: Path
    alice: Customer

    def ask(self, words: str, answer: str) -> str:
        """What the bot says to some words."""
        self.alice.person.send(self.alice.room, words)
        return str(self.alice.person.wait_for(self.alice.room, answer).content["body"])

    def run(self, *words: str, **environment: str) -> tuple[int, str]:
        """What a command of the operator's says."""
        # By the fork server: most of what a command takes is what it imports.
        log = self.configuration.with_name(f"{secrets.token_hex(4)}.log")
        child = Child([*VECHE, *words, "-c", str(self.configuration)], ROOT, log, environment)
        child.start()
        wait_until(lambda: not child.is_running, 60, "the command does not end")
        assert child.exit_code is not None
        return child.exit_code, child.log()


def sections(elsewhere: Served, origin: str) -> dict[str, Any]:
    acts = acts_section(origin)
    town, office, _ = acts["directory"]["organisations"]
    # The bots of signing and payments are not here.
    town["bots"] = [OFFICIAL_BOT]
    acts["directory"]["organisations"] = [town, office]
    acts["networks"] = ["127.0.0.0/8"]
    acts["trusted"] = [elsewhere.config]
    return {"acts": acts, "agency": agency_section(ROOT / "config" / "services")}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("house")
    other = Written()
    other.chain("capital")
    with (
        served(other) as elsewhere,
        house(
            folder,
            sections=partial(sections, elsewhere),
            migrations=(AGENCY, ACTS),
            has_pages=True,
        ) as one,
    ):
        alice = Customer.sign_in(one, one.person("alice"), OFFICIAL_BOT)
        wait_until(
            lambda: one.query("SELECT count(*) FROM acts.entry") == [(5,)], 60, "nobody is entered"
        )
        yield Town(one, folder / "veche-0.yaml", alice)


def test_the_directory_lists_the_bots_and_is_followed(town: Town) -> None:
    keys = town.alice.call("GET", "/.well-known/veche/directory", is_signed_in=False).body
    root = Root.of(map(read_verifier_key, keys["keys"]))
    answer = town.alice.call("GET", "/_veche/directory/v1/bundle?since=0", is_signed_in=False)
    held = followed(Held(), parse(Bundle, answer.body), root)
    state = Directory(root)
    for text in held.entries:
        assert state.add(text) is None
    snapshot = state.snapshot(state.at_ms)
    keys_of = town.house.query("SELECT user_id, master_key FROM crypto.identity")
    masters = {str(user): key for user, key in keys_of}

    assert [one.id for one in snapshot.chain(OFFICE)] == ["lindenau", OFFICE]
    assert snapshot.chain(OFFICE)[-1].vouched_by == "lindenau"
    assert snapshot.chain(OFFICE)[-1].accounts == {OFFICE_BOT: masters[OFFICE_BOT]}


def test_the_bot_tells_who_is_official_who_is_not_and_who_is_suspended(town: Town) -> None:
    official = town.ask(f"check {OFFICE_BOT}", "It belongs to")
    stranger = town.ask("check @bob:lindenau.localhost", "Nobody vouches")
    named = town.ask("check vital records office", "Do you mean")
    more = ("--reason", "The key was stolen.", "--appeal", "appeal@lindenau.example")
    done = town.run("suspend", OFFICE, *more)
    suspended = town.ask(f"check {OFFICE_BOT}", "not official now")
    again = town.run("resume", OFFICE, "--reason", "A new key.")
    twice = town.run("resume", OFFICE, "--reason", "A new key.")
    checked = town.run("check")

    assert "Town of Lindenau → Vital Records Office of Lindenau" in official
    assert "Certificates and the register of residents" in official
    assert "@bob:lindenau.localhost" in stranger
    assert OFFICE_BOT in named
    assert done[0] == again[0] == 0
    assert "The key was stolen." in suspended
    assert twice[0] == 1
    assert "is not suspended" in twice[1]
    assert checked[0] == 0
    assert f"official: lindenau > {OFFICE}" in checked[1]


def test_the_bot_tells_with_whom_one_talks_in_a_room_of_ones_own(town: Town) -> None:
    alice, person = town.alice, town.alice.person
    with_office = person.create_dm(OFFICE_BOT)
    person.wait_for(with_office, "This is Vital Records Office")
    told = town.ask(f"check {with_office}", "You made")
    itself = town.ask(f"check {alice.room}", "You made")

    assert f"You made {with_office} yourself. There you talk with {OFFICE_BOT}." in told
    assert f"{OFFICE_BOT} is official: Vital Records Office of Lindenau." in told
    assert f"{OFFICIAL_BOT} is official: Town of Lindenau." in itself


def test_the_bot_says_in_its_own_name_who_it_is(town: Town) -> None:
    person = town.alice.person
    body = person.wait_for(town.alice.room, "I work for", is_again=True).content["body"]

    assert "I work for Town of Lindenau" in body
    assert "Ask @" not in body


def test_what_the_directory_says_already_is_not_entered_again(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "again.yaml"
    file.write_text(OTHER.replace("other", "again").replace("o@", "a@") + "  parent: lindenau\n")
    words = ("org", str(file), "--unproven")
    by_directory = [town.run(*words)[0], town.run("check")[1]]
    before = town.house.query("SELECT count(*) FROM acts.entry")
    same = town.run(*words)
    after = town.house.query("SELECT count(*) FROM acts.entry")
    by_town = [town.run(*words, "--by", "lindenau")[0], town.run("check")[1]]
    names = ("names", "again", "The Same", "--appeal", "a@b.example")
    twice = [town.run(*names)[1], town.run(*names)[1]]

    assert by_directory[0] == by_town[0] == same[0] == 0
    assert "lindenau > again, since" in str(by_directory[1])
    assert "Nothing has changed" in same[1]
    assert after == before
    [line] = [one for one in str(by_town[1]).splitlines() if "> again," in one]
    assert "verified by lindenau" in line
    assert "Nothing" not in twice[0]
    assert "Nothing has changed" in twice[1]


def test_an_account_of_another_directory_is_found(town: Town) -> None:
    code, said = town.run("check", "@veche_capital:veche.test")

    assert (code, "verified by the directory veche.test/veche/directory/v1/veche" in said) == (
        0,
        True,
    ), said
    assert "official: capital" in town.run("check")[1]


@contextmanager
def domain(folder: Path, said: bytes) -> Iterator[tuple[str, Path]]:
    """A domain that says something of itself by TLS; its name, and the authority of its name."""
    pem = folder / "domain.pem"
    pem.write_bytes(certificate_pem("localhost"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_there = self.path == "/.well-known/veche"
            self.send_response(200 if is_there else 404)
            self.end_headers()
            self.wfile.write(said if is_there else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"localhost:{server.server_address[1]}", pem
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_organisation_proves_its_domain(town: Town, tmp_path: Path) -> None:
    key = NoteSigner("proven", b"p" * 32).verifier.to_text()
    other = NoteSigner("proven", b"q" * 32).verifier.to_text()
    wanted = json.dumps({"v": 1, "keys": [key]})
    rows: list[tuple[str, str]] = [
        (json.dumps({"v": 1, "keys": [other]}), "names other keys"),
        ("no JSON", "does not prove"),
        (json.dumps({"v": 2, "keys": [key]}), "does not prove"),
        (wanted, ""),
    ]
    file, refused = tmp_path / "proven.yaml", []
    before = town.house.query("SELECT count(*) FROM acts.entry")
    for said, why in rows:
        with domain(tmp_path, said.encode()) as (name, pem):
            file.write_text(
                OTHER.replace("id: other", "id: proven").replace("other.example", name, 1)
                + f'  key: {key}\n  accounts: {{"@proven:example.org": "{"A" * 43}"}}\n'
            )
            unknown_authority = town.run("org", str(file))
            done = town.run("org", str(file), SSL_CERT_FILE=str(pem))
        assert unknown_authority[0] == 1
        if why:
            refused.append((done[0], why in done[1], f"should say {wanted}" in done[1]))
            assert town.house.query("SELECT count(*) FROM acts.entry") == before
    checked = town.run("check", "@proven:example.org")[1]
    told = town.ask("check @proven:example.org", "It belongs to")
    shown = town.alice.call("GET", "/_veche/directory/v1/official", is_signed_in=False).body
    seen = {
        one["id"]: one["domain_seen_ms"]
        for each in shown["directories"]
        for one in each["organisations"]
    }

    assert refused == [(1, True, True)] * 3
    assert done[0] == 0, done
    assert f"{name} is its domain, as it proved on " in checked
    assert f"{name}, as it proved on" in told
    assert seen["proven"] > 0
    assert [one for one, at_ms in seen.items() if at_ms] == ["proven"]
    assert "records." in town.ask(f"check {OFFICE_BOT}", "not proven")


def test_a_key_that_is_missing_or_no_key_is_refused_by_its_name(town: Town, tmp_path: Path) -> None:
    missing, wrong = tmp_path / "missing", tmp_path / "wrong"
    wrong.write_bytes(b"short")
    wrong.chmod(0o600)
    before = town.house.query("SELECT count(*) FROM acts.entry")
    for file, reason in ((missing, "No such file"), (wrong, "a seed has 32 bytes")):
        code, said = town.run("rotate", OFFICE, "--old-key", str(file))
        assert (code, "Traceback" in said) == (1, False), said
        assert reason in said
        assert str(file) in said
    assert town.house.query("SELECT count(*) FROM acts.entry") == before


OTHER: Final = """organisation:
  id: other
  name: {en: Other}
  domain: other.example
  complaints: o@other.example
"""


def wrong_files(folder: Path, taken: str) -> dict[str, str]:
    """Files of an organisation that are wrong, and what is said of each."""
    said = {
        "no_yaml": ("organisation: [", "no_yaml"),
        "empty": ("", "organisation"),
        "unknown_key": (f"{OTHER}  colour: red\n", "colour"),
        "no_name": (OTHER.replace("{en: Other}", "{}"), "name"),
        "hidden": (OTHER.replace("{en: Other}", '{en: "a\u200bb"}'), "name"),
        "taken": (OTHER.replace("domain: other.example", f"domain: {taken}"), "give another"),
        "orphan": (
            f"{OTHER}  parent: nobody\n",
            "no organisation nobody. Nothing is entered. `veche",
        ),
        "garbage_key": (f"{OTHER}  key: garbage\n", "key"),
        "no_bot": (f'{OTHER}  bots: ["@nobody:lindenau.localhost"]\n', "start it first"),
        "protects": (f"{OTHER}  protects: [Other]\n", "`veche directory names`"),
    }
    for name, (text, _) in said.items():
        (folder / name).write_text(text)
    return {name: why for name, (_, why) in said.items()}


def test_every_command_says_what_is_wrong_and_what_to_do_next(town: Town, tmp_path: Path) -> None:
    why = ("--reason", "R", "--appeal", "a@b.example")
    to = ("--appeal", "a@b.example")
    bot = "@nobody:lindenau.localhost"
    wrong = wrong_files(tmp_path, f"records.{town.house.pages_url.partition('://')[2]}")
    rows: list[tuple[tuple[str, ...], str]] = [
        (("suspend", "nobody", *why), "`veche directory check` lists all"),
        (("suspend", "Not An Id", *why), "org"),
        (("suspend", OFFICE, *why, "--for", "soon"), "like '14 d'"),
        (("suspend", OFFICE, *why, "--for", "0 s"), "ends before it begins. Nothing is entered"),
        (("suspend", OFFICE, "--reason", " ", *to), "reason"),
        (("suspend", OFFICE, "--reason", "x" * 1_001, *to), "reason"),
        (("suspend", OFFICE, *why, "--by", "stranger"), "above it with --by"),
        (("suspend", "lindenau", *why, "--by", OFFICE), "above it with --by"),
        (("resume", OFFICE, "--reason", "R"), "There is nothing to resume"),
        (("end", "nobody", *why), "`veche directory check` lists all"),
        (("names", "nobody", "X", *to), "`veche directory check` lists all"),
        (("names", OFFICE, "a\u200bb", *to), "names"),
        (("names", OFFICE, *["X"] * 101, *to), "names"),
        (("names", OFFICE, "X", *to, "--by", "lindenau"), "Leave --by out"),
        (("rotate", OFFICE), "Give another --key or --account"),
        (("rotate", OFFICE, "--key", "garbage"), "key"),
        (("rotate", OFFICE, "--account", bot), "start it first"),
        (("rotate", OFFICE, "--account", f"{bot}=short"), "accounts"),
        (("rotate", OFFICE, "--account", f"{OFFICIAL_BOT}"), "give another"),
        (("org", str(tmp_path / "missing.yaml")), "missing.yaml"),
        *((("org", str(tmp_path / name), "--unproven"), said) for name, said in wrong.items()),
        (("check", bot), "nobody vouches for it"),
    ]
    before = town.house.query("SELECT entry FROM acts.entry ORDER BY idx")
    others = []
    for words, reason in rows:
        code, said = town.run(*words)
        if code != 1 or "Traceback" in said or reason not in said:
            others.append((words, reason, code, said))
    assert others == []
    assert town.house.query("SELECT entry FROM acts.entry ORDER BY idx") == before
