"""The witness as a process of its own: over HTTP, killed, and beside one that others wrote."""

from __future__ import annotations

import base64
import contextlib
import html
import http.client
import json
import re
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
import pytest
import yaml

from appservices.witness.core import SIZE_TYPE
from appservices.witness.folder import name_of
from tests.support.logs import ORIGIN, TestLog
from tests.support.long import many
from tests.support.processes import ROOT, free_ports, wait_until
from tests.support.programs import program
from veche.cli.main import main
from veche.transparency.notes import NoteSigner, cosignatures, read_verifier_key
from veche.transparency.witness_protocol import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from veche.transparency.notes import VerifierKey

START_S_MAX = 60
KILLS = many(ordinary=3, long=12)
SIZE = 9
LOG = TestLog()
FORK = TestLog(history="false", fork_at=5)


@attrs.define
class Answer:
    status: int
    kind: str
    text: str


def ask(port: int, method: str, path: str, body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return Answer(
            response.status, response.getheader("content-type") or "", response.read().decode()
        )
    finally:
        connection.close()


def show(port: int, log: TestLog, old: int, size: int) -> Answer:
    return ask(port, "POST", PATH, log.message(old, size).to_bytes())


def is_up(port: int, path: str) -> bool:
    try:
        ask(port, "GET", path)
    except OSError:
        return False
    return True


@attrs.define
class Process:
    """`veche witness run` in a folder."""

    folder: Path
    port: int
    private: int
    key: str
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "veche.cli.main", "witness", "run", "-c", "witness.yaml"]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        with (self.folder / "witness.log").open("ab") as out:
            self.child = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=out, stderr=out
            )
        wait_until(lambda: is_up(self.port, "/logs"), START_S_MAX, "the witness answers")

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        self.child.wait()


@contextlib.contextmanager
def running(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Process]:
    assert main(["witness", "key", "w.example/w1", "--out", str(folder / "key")]) == 0
    port, private = free_ports(2)
    process = Process(folder, port, private, capsys.readouterr().out.strip())
    log_key = LOG.signer.verifier.to_text()
    section = {
        "name": "w.example/w1",
        "key_path": "key",
        "folder": "state",
        "port": port,
        "address_per_s": 10_000,
        "logs": [{"keys": [log_key]}],
    }
    content = {"witness": section, "listen": {"port": private}}
    (folder / "witness.yaml").write_text(yaml.safe_dump(content))
    process.start()
    try:
        yield process
    finally:
        process.kill()


def test_a_log_that_grows_is_signed_and_another_history_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, capsys) as witness:
        key = read_verifier_key(witness.key)
        for old, size in ((0, 5), (5, 5), (5, 9)):
            signed = show(witness.port, LOG, old, size)
            assert signed.status == 200, signed
            assert key in cosignatures(LOG.note(size) + signed.text, [key])
        refusals = [show(witness.port, FORK, *sizes) for sizes in ((9, 12), (9, 9), (0, 12))]
        again = show(witness.port, LOG, 9, 12)

        assert [one.status for one in refusals] == [422, 409, 409]
        assert (refusals[2].kind, refusals[2].text) == (SIZE_TYPE, "9\n")
        assert again.status == 200
        page = ask(witness.port, "GET", "/")
        described = json.loads(ask(witness.port, "GET", "/logs").text)
        forks = json.loads(ask(witness.port, "GET", f"/{name_of(ORIGIN)}/forks").text)
        head = ask(witness.port, "GET", f"/{name_of(ORIGIN)}/checkpoint").text
        assert ORIGIN in page.text
        assert "two histories" in page.text
        assert described["key"] == witness.key
        assert described["logs"] == [
            {"origin": ORIGIN, "path": f"/{name_of(ORIGIN)}/checkpoint", "size": 12, "forks": 1}
        ]
        assert forks == {"forks": [FORK.note(9)]}
        assert key in cosignatures(head, [key])
        assert ask(witness.port, "GET", f"/{'0' * 64}/checkpoint").status == 404
        assert ask(witness.port, "POST", PATH, b"x" * 40_000).status == 413
        metrics = ask(witness.private, "GET", "/metrics").text
        assert 'veche_witness_answers_total{answer="signed"} 4.0' in metrics
        assert "veche_witness_forks_total 1.0" in metrics


def test_what_it_signed_it_knows_after_any_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A head that it forgot would let the log show another history from there on."""
    with running(tmp_path, capsys) as witness:
        signed = 0
        for _ in range(KILLS):
            for _ in range(5):
                assert show(witness.port, LOG, signed, signed + 1).status == 200
                signed += 1
            # One more is under way when it dies: it is signed, or it is not.
            connection = http.client.HTTPConnection("127.0.0.1", witness.port, timeout=20)
            connection.request("POST", PATH, LOG.message(signed, signed + 1).to_bytes())
            witness.kill()
            connection.close()
            witness.start()
            known = int(show(witness.port, LOG, 0, signed + 2).text)
            assert known in {signed, signed + 1}
            other = TestLog(history="false")
            assert show(witness.port, other, known, known + 1).status == 422
            signed = known


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    """Litewitness, of Debian's litetlog."""
    server, control = program("litewitness"), program("witnessctl")
    agent, add, keygen = (program(name) for name in ("ssh-agent", "ssh-add", "ssh-keygen"))
    folder = tmp_path / "other"
    folder.mkdir()
    key, socket, db = folder / "key", folder / "agent", folder / "witness.db"
    environment = {"SSH_AUTH_SOCK": str(socket), "PATH": "/usr/bin:/bin"}
    # Debian builds it with the router of an older Go, which does not understand its routes.
    routes = {**environment, "GODEBUG": "httpmuxgo121=0"}

    def run(*command: str) -> str:
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    run(keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    log_key = LOG.signer.verifier.to_text()
    run(control, "add-log", "-db", str(db), "-origin", ORIGIN)
    run(control, "add-key", "-db", str(db), "-origin", ORIGIN, "-key", log_key)
    with contextlib.closing(sqlite3.connect(db)) as kept, kept:
        root = base64.b64encode(LOG.head(SIZE).root).decode()
        kept.execute("UPDATE log SET tree_size = ?, tree_hash = ?", (SIZE, root))
    (port,) = free_ports(1)
    out = (folder / "log").open("wb")
    children = [subprocess.Popen([agent, "-D", "-a", str(socket)], stdout=out, stderr=out)]
    try:
        wait_until(socket.exists, START_S_MAX, "ssh-agent")
        run(add, str(key))
        fingerprint = run(keygen, "-lf", f"{key}.pub").split()[1]
        command = [server, "-db", str(db), "-name", "other.example/w2", "-key", fingerprint]
        command += ["-ssh-agent", str(socket), "-listen", f"127.0.0.1:{port}"]
        children.append(subprocess.Popen(command, env=routes, stdout=out, stderr=out))
        wait_until(lambda: is_up(port, "/"), START_S_MAX, "litewitness")
        page = html.unescape(ask(port, "GET", "/").text)
        (found,) = set(re.findall(r"other\.example/w2\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", page))
        yield Other(port, read_verifier_key(found))
    finally:
        for child in reversed(children):
            child.kill()
            child.wait()
        out.close()


@attrs.frozen
class Other:
    """A witness that others wrote, which has signed the head of ``SIZE`` entries."""

    port: int
    key: VerifierKey


def test_it_refuses_what_a_witness_of_others_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: Other
) -> None:
    stranger = TestLog(NoteSigner("else.example/log", b"e" * 32))
    thief = TestLog(NoteSigner(ORIGIN, b"t" * 32))
    # Litewitness 0.4.3 answers as the specification was then: 422 and 403.
    now_said = {(FORK, SIZE, SIZE): 409, (stranger, 0, 3): 404}
    offers = [
        (LOG, 0, 12),
        (LOG, 5, 12),
        (LOG, 0, 5),
        (FORK, SIZE, 12),
        (FORK, SIZE, SIZE),
        (FORK, 5, SIZE),
        (LOG, 8, 7),
        (stranger, 0, 3),
        (thief, SIZE, 12),
    ]
    with running(tmp_path, capsys) as ours:
        assert show(ours.port, LOG, 0, SIZE).status == 200
        for log, old, size in offers:
            one, another = show(ours.port, log, old, size), show(other.port, log, old, size)
            what = f"{log.history} {old} {size}: {one} {another}"
            assert one.status == now_said.get((log, old, size), another.status), what
            if one.status == another.status == 409:
                assert one == another, what


def test_what_a_witness_of_others_signs_is_read(other: Other) -> None:
    try:
        signed = [show(other.port, LOG, SIZE, size) for size in (SIZE, 40)]
    except http.client.RemoteDisconnected:
        pytest.skip("this litewitness cannot keep a head (Debian's 0.4.3-3 with its crawshaw)")

    for size, one in zip((SIZE, 40), signed, strict=True):
        assert one.status == 200
        assert other.key in cosignatures(LOG.note(size) + one.text, [other.key])
