"""`veche verify` of PDF files: what it says, its exit codes, and what it does to hostile ones."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.support import other_programs as programs
from tests.support.bank import Bank, lists_served
from tests.support.containers import closed as closed_container
from tests.support.containers import contents, made, zipped
from tests.support.elsewhere import Identity, new_identity, packed_page, sign
from tests.support.elsewhere import new_key as key_of
from tests.support.forgery import FORGED, find, increment, page
from tests.support.signing import Office, new_key, with_boxes
from veche.cli.main import main
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.files.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@functools.cache
def office() -> Office:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- the command's clock
    return Office(now - dt.timedelta(hours=1))


@functools.cache
def signed() -> bytes:
    doc = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    return office().person("Alice Adams", doc).sign(doc, "Sig1")


@functools.cache
def closed() -> bytes:
    return office().close(signed())


class Run:
    """`veche verify` over a file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = folder / "file.pdf"
        self.root = folder / "root.pem"
        self.root.write_bytes(office().root.certificate.public_bytes(Encoding.PEM))
        self._capsys = capsys

    def __call__(self, data: bytes, *options: str, root: bool = True) -> tuple[int, str]:
        self.path.write_bytes(data)
        roots = ["--root", str(self.root)] if root else []
        code = main(["verify", str(self.path), *roots, *options])
        out, err = self._capsys.readouterr()
        return code, out + err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


def test_a_sealed_file_holds_and_says_who_and_when(run: Run) -> None:
    code, said = run(closed())

    assert code == 0
    assert "Signed by Alice Adams, @alice.adams:example.org (identity checked), " in said
    assert f"{office().now:%Y-%m-%d %H:%M:%S} UTC" in said
    assert said.startswith("It holds: who signed what and when is proven.\n")
    assert f"Provable until {office().now.year + 15}-" in said


def test_a_container_is_verified_too(run: Run) -> None:
    container = closed_container(office(), made(office(), names=["Alice Adams"]))

    code, said = run(container)
    assert code == 0
    assert "Signed by Alice Adams" in said

    code, said = run(zipped([*contents(container), ("annex.txt", b"more")]))
    assert code == 1
    assert "something was added that not all programs show" in said


def test_programs_get_the_report_as_json(run: Run) -> None:
    pdf = closed()
    code, said = run(pdf, "--json")

    found = json.loads(said)
    assert found["file_sha256"] == hashlib.sha256(pdf).hexdigest() != found["document_sha256"]
    assert code == 0
    assert (found["verdict"], found["reasons"]) == ("sealed", [])
    assert [one["name"] for one in found["signers"]] == ["Alice Adams"]
    assert found["proven_until_ms"] > found["closed_at_ms"]


def test_a_file_that_another_program_signed_is_not_all_proven(run: Run) -> None:
    who = new_identity(office().now, "rsa2048")
    run.root.write_bytes(who.root.public_bytes(Encoding.PEM))

    code, said = run(sign(packed_page(), who))

    assert code == 3
    assert "signed with another program" in said


def test_what_is_not_proven_is_named(run: Run) -> None:
    code, said = run(signed())
    assert code == 3
    assert "no time stamp closes it" in said

    code, said = run(closed(), root=False)
    assert code == 3
    assert "with --root" in said


def test_a_changed_file_is_false(run: Run) -> None:
    number, _ = find(closed(), b"Tj ET")

    code, said = run(increment(closed(), {number: FORGED}))

    assert code == 1
    assert "it was changed after it was signed" in said
    assert said.startswith("False: do not rely on this file.\n")


def test_a_file_that_nobody_signed_or_can_read_is_no_proof(run: Run) -> None:
    assert run(page("x"))[0] == 1
    assert "Nobody has signed" in run(page("x"))[1]
    assert run(b"%PDF-1.7\nhello")[0] == 1
    assert run(packed_page())[1].startswith("Nobody has signed this file.\n")


_MADE_IT = "check it with the program that made it"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (programs.APART["p7m"], ("signature of another kind", _MADE_IT)),
        (programs.APART["XAdES"], ("signature of another kind", _MADE_IT)),
        (
            programs.CONTAINERS["ASiC-S"],
            ("another program made this container", "check it with that program"),
        ),
        (programs.UNREAD["no signed attributes"], ("has a form or an algorithm", _MADE_IT)),
    ],
)
def test_each_file_that_is_not_checked_gets_words_of_its_own(
    run: Run, make: Callable[[], bytes], words: tuple[str, str]
) -> None:
    code, said = run(make())

    assert code == 1
    assert said.startswith("Nobody can tell: this file cannot be checked here.\n")
    assert [one for one in words if one not in said] == []


def test_what_was_added_is_told_first(run: Run) -> None:
    code, said = run(programs.ADDED_TO["another page"]())

    assert code == 3
    assert "something was added to the file after signing" in said.splitlines()[0]


def test_a_root_that_may_not_issue_certificates_is_told(run: Run) -> None:
    _, said = run(closed())
    assert "may not issue" not in said
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Careless CA")])
    key, now = new_key(), office().now
    careless = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    run.root.write_bytes(careless.public_bytes(Encoding.PEM))

    code, said = run(closed())

    assert code == 3
    assert "CN=Careless CA may not issue certificates" in said


def test_a_root_that_is_none_is_named(run: Run) -> None:
    run.root.write_bytes(b"hello")

    code, said = run(closed())

    assert code == 3
    assert "is no certificate" in said


def _hungry() -> int:
    return len(bytearray(2**30))


def _busy() -> None:
    while True:
        pass


def _writes(path: str) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"x")


def test_a_judgement_has_bounds(tmp_path: Path) -> None:
    path = tmp_path / "written"
    with pytest.raises(SandboxError, match="too much memory"):
        in_sandbox(_hungry)
    with pytest.raises(SandboxError, match="cannot be read"):
        in_sandbox(_writes, str(path))

    assert not path.exists() or path.stat().st_size == 0
    assert in_sandbox(len, b"abc") == 3


def test_a_judgement_begins_with_nothing_of_who_asks_and_nothing_of_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    assert in_sandbox(eval, "'pytest' in __import__('sys').modules") is False


def test_a_judgement_that_ends_without_a_word_is_none() -> None:
    with pytest.raises(SandboxError):
        in_sandbox(sys.exit, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n" + b"<<" * 200_000,
        b"%PDF-1.7\n1 0 obj\n" + b"(" * 200_000,
        b"%PDF-1.7\n" + b"%%EOF\n" * 50_000,
        b"%PDF-1.7\nxref\n0 500000\n" + b"0000000000 00000 n \n" * 500_000 + b"startxref\n9\n%%EOF",
    ],
    ids=["depth", "strings", "ends", "table"],
)
def test_a_hostile_file_is_answered_soon(run: Run, data: bytes) -> None:
    code, said = run(data)

    assert code == 1
    assert "Nobody can tell" in said


@contextmanager
def site(answers: Mapping[str, bytes]) -> Iterator[str]:
    """A site that says which authorities there are; all else is not there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.removeprefix("/_veche/signing/v1/"))
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _authorities(level: str, certificate: bytes) -> bytes:
    one = {"name": "Trust", "level": level, "certificate": encode_base64(certificate)}
    return json.dumps({"authorities": [one]}).encode()


def test_the_authorities_of_a_site_are_believed_and_named_as_its_word(run: Run) -> None:
    ours = Office(office().now).root.certificate.public_bytes(Encoding.DER)
    root = office().root.certificate.public_bytes(Encoding.DER)
    with site({"ca/root.cer": ours, "authorities": _authorities("S4", root)}) as url:
        code, said = run(closed(), "--site", url, root=False)
        _, as_json = run(closed(), "--site", url, "--json", root=False)

    assert code == 0
    assert "below Trust: qualified, according to the operator of this site" in said
    [signer] = json.loads(as_json)["signers"]
    assert signer["operator_says"] == {"authority": "Trust", "is_qualified": True}
    assert signer["issuer"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"ca/root.cer": b"none", "authorities": b'{"authorities": []}'},
        {"authorities": b"[" * 100_000},
        {"authorities": b" " * (1 << 21)},
        {"authorities": _authorities("S4", b"none")},
    ],
)
def test_a_site_that_says_no_authorities_proves_nothing(
    run: Run, answers: dict[str, bytes]
) -> None:
    root = office().root.certificate.public_bytes(Encoding.DER)
    with site({"ca/root.cer": root, **answers}) as url:
        code, said = run(closed(), "--site", url, root=False)

    assert code == 3
    assert "could not be checked" in said


def test_an_algorithm_is_distrusted_from_a_day_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, capsys)
    today = office().now  # an hour ago: in the first hour of a day, the day before

    for day, options in (
        (today + dt.timedelta(days=2), ["sha256"]),
        (today - dt.timedelta(days=9), ["sha512", "rsa2048"]),
    ):
        told = [word for one in options for word in ("--distrust", f"{one}={day:%Y-%m-%d}")]
        assert run(closed(), *told)[0] == 0
    code, said = run(closed(), "--distrust", f"sha256={today:%Y-%m-%d}")
    assert code == 3
    assert "sealed" not in said.splitlines()[0]
    # The file itself is whole: nothing in it was changed.
    assert run(closed(), "--distrust", "secp256r1=2020-01-01")[0] == 3


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("md5=2031-01-01", "'md5' is none of sha256"),
        ("sha256=soon", "'soon' is no day as 2031-01-01"),
        ("sha256=2031-02-30", "'2031-02-30' is no day as 2031-01-01"),
        ("sha256", "'' is no day as 2031-01-01"),
        ("rsa=2031-01-01", "'rsa' is none of"),
    ],
)
def test_what_names_no_algorithm_or_no_day_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, why: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        Run(tmp_path, capsys)(closed(), "--distrust", wrong)

    assert caught.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("since", "code", "reason"),
    [(None, 3, ""), (dt.timedelta(hours=2), 1, "revoked"), (dt.timedelta(hours=-2), 3, "")],
    ids=["good", "revoked before", "revoked later"],
)
def test_online_a_responder_is_asked_who_has_no_list(
    run: Run, since: dt.timedelta | None, code: int, reason: str
) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- the command's clock
    with lists_served() as (place, found):
        bank = Bank("Bank", now, list_url="", responder_url=f"{place}/answers")
        moment = None if since is None else now - since
        found["answers"] = functools.partial(bank.answer, since=moment)
        key, stamps = new_key(), key_of("rsa2048")
        who = Identity(key, (bank.issue("Bob Brown", key), bank.root))
        stamper = Identity(stamps, (bank.issue_stamper(stamps), bank.root))
        (run.path.parent / "bank.pem").write_bytes(bank.pem)
        options = ["--root", str(run.path.parent / "bank.pem"), "--json"]
        pdf = sign(packed_page(), who, stamper=stamper)

        before, after = run(pdf, *options, root=False), run(pdf, *options, "--online", root=False)

    unknown = "revocation_unknown"
    assert before[0] == 3
    assert unknown in {one["reason"] for one in json.loads(before[1])["reasons"]}
    told = {one["reason"] for one in json.loads(after[1])["reasons"]}
    assert after[0] == code
    assert unknown not in told
    assert not reason or reason in told


def test_bytes_before_a_container_are_named_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = Run(tmp_path, capsys)(
        b"From: bob\r\n\r\n" + closed_container(office(), made(office()))
    )

    assert code == 1
    assert "other bytes stand before the signed file" in said
    assert "ask for the file once more" in said
    assert "header" not in said
