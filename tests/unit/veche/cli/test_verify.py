from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from appservices.payments.proofs.core.receipts import Fault
from appservices.payments.verifying import receipts as verifying
from tests.support.receipts import (
    BLOCKS,
    FOREIGN,
    ORIGIN,
    OTHER,
    SIGNER,
    a_receipt,
    a_row,
    an_id,
    ledger_of,
    published,
)
from tests.support.tables import each_row
from tests.support.tree_proofs import consistency_proof
from veche.cli.main import main
from veche.protocol.ids import hex_of_ulid
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.verifying.published import Site, SiteError, site_of
from veche.transparency import merkle
from veche.transparency.notes import Cosigner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SIGNED = SIGNER.sign_object(a_receipt(4, 9))
KEY = SIGNER.verifier.to_text()
API = "/_veche/payments/v1"
HASHES = [merkle.leaf_hash(block.head) for block in BLOCKS]


class Run:
    """`veche verify` over a file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = folder / "receipt.json"
        self._capsys = capsys

    def __call__(self, value: Any, *options: str) -> tuple[int, str, str]:
        """Exit code, output and errors, without the path."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.path.write_bytes(data)
        code = main(["verify", str(self.path), *options])
        out, err = self._capsys.readouterr()
        return code, out, err.replace(f"{self.path}: ", "")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


class TestOffline:
    def test_a_receipt_that_holds_is_told_in_words(self, run: Run) -> None:
        code, out, err = run({**SIGNED, "unsigned": {"published": published(4)}}, "--key", KEY)

        assert (code, err) == (0, "")
        assert out == (
            "payee      Bäckerei „Zum Ofen“ 😀\n"
            "amount     12.59 EUR\n"
            "reference  Brötchen\n"
            "time       2025-11-24 16:00:00 UTC\n"
            f"receipt    {an_id(409)}\n"
            f"signed by  {ORIGIN}\n"
            "entry      10 of 44 in block 4\n"
            "published  yes, in a head of 5 blocks\n"
            "witnesses  none: its own signature alone says that it has one history\n"
            "It holds.\n"
        )

    def test_witnesses_of_the_head_are_named_and_counted(self, run: Run) -> None:
        witness = Cosigner("w.example/w1", b"w" * 32)
        shown = published(4)
        text = f"{shown['checkpoint'].partition(chr(10) * 2)[0]}\n"
        note = shown["checkpoint"] + witness.cosign(text, 1_764_000_000)
        file = {**SIGNED, "unsigned": {"published": {**shown, "checkpoint": note}}}
        theirs = witness.verifier.to_text()

        assert "none whose key is known, 1 others" in run(file, "--key", KEY)[1]
        out = run(file, "--key", KEY, "--key", theirs, "--needed", "1")[1]
        assert "w.example/w1 (2025-11-24 16:00 UTC) for the first 5 blocks\n" in out
        for options in (("--needed", "1"), ("--key", theirs, "--needed", "2")):
            code, out, err = run(file, "--key", KEY, *options)
            assert (code, out) == (3, "")
            assert "of the witnesses whose keys you gave have signed" in err

    def test_what_nothing_is_shown_of_is_not_claimed(self, run: Run) -> None:
        assert "published  not shown\n" in run(SIGNED, "--key", KEY)[1]

    def test_a_refund_names_what_it_gives_back(self, run: Run) -> None:
        row = a_row(1, 0)
        blocks = ledger_of([row._replace(refund_of=hex_of_ulid(an_id(7)))])
        signed = SIGNER.sign_object({**a_receipt(1, 0, blocks), "refund_of": an_id(7)})

        assert f"refund of  {an_id(7)}\n" in run(signed, "--key", KEY)[1]

    def test_a_name_cannot_paint_over_the_terminal(self, run: Run) -> None:
        body = {**a_receipt(4, 9), "payee": "Eve\x1b[2J\n\u202eIt holds."}

        out = run(SIGNER.sign_object(body), "--key", KEY)[1]

        assert "payee      Eve[2J It holds.\n" in out
        assert "\x1b" not in out

    @pytest.mark.parametrize(
        ("changed", "code", "words"),
        [
            ({"reference": "other"}, 1, "False: it was changed, or its signer never signed it"),
            ({"v": 2}, 1, "This is no receipt (receipt.v: "),
            ({"signatures": {}}, 3, "Nobody can tell: no key of its signer is known."),
            ({"unsigned": {"published": published(3)}}, 1, "the ledger that its signer has pub"),
            ({"unsigned": {"published": published(4, signer=OTHER)}}, 1, "The published head"),
        ],
    )
    def test_each_fault_has_its_words_and_its_code(
        self, run: Run, changed: dict[str, Any], code: int, words: str
    ) -> None:
        found, out, err = run({**SIGNED, **changed}, "--key", KEY)

        assert (found, out) == (code, "")
        assert words in err
        assert err.count("\n") == 1

    def test_every_fault_has_words(self) -> None:
        assert set(verifying.WORDS) == set(Fault)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "This file is empty: there is nothing in it."),
            (b"\xff\xfe", "the file is not JSON"),
            (b"[]", "the file holds no object"),
            (b"{}", "receipt.v: Field required"),
            (b"[" * 65_000, "the file is not JSON"),
            (b" " * 65_537, "over 65536 bytes"),
        ],
    )
    def test_bad_files_are_no_receipts(self, run: Run, data: bytes, words: str) -> None:
        code, out, err = run(data, "--key", KEY)

        assert (code, out) == (1, "")
        assert words in err

    def test_without_a_key_nobody_can_tell(self, run: Run) -> None:
        assert run(SIGNED)[0] == 3
        assert run(SIGNED, "--key", OTHER.verifier.to_text())[0] == 3
        assert run(SIGNED, "--key", FOREIGN.verifier.to_text(), "--key", KEY)[0] == 0

    def test_a_key_that_is_none_is_said_to_be(self, run: Run) -> None:
        code, _, err = run(SIGNED, "--key", "x")

        assert code == 3
        assert "it could not be checked: key: " in err

    def test_a_file_that_is_not_there_is_said_to_be(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["verify", str(tmp_path / "none"), "--key", KEY]) == 3
        assert "No such file" in capsys.readouterr().err


def answers(blocks: int = len(BLOCKS), after: int = 4) -> dict[str, Any]:
    """What an honest site says."""
    path = consistency_proof(HASHES[:blocks], after)
    return {
        "/.well-known/veche/payments": {"v": 1, "api": API, "keys": [KEY]},
        f"{API}/proof/{an_id(409)}": published(4, blocks),
        f"{API}/heads?after={after}": {
            "checkpoint": published(4, blocks)["checkpoint"],
            "consistency": [encode_base64(one) for one in path],
        },
    }


@contextmanager
def site(said: Mapping[str, Any]) -> Iterator[str]:
    """A site that says so; a number is a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = said.get(self.path, 404)
            self.send_response(found if isinstance(found, int) else 200)
            self.send_header("location", "/.well-known/veche/payments")
            self.end_headers()
            self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class TestOnline:
    def test_the_site_gives_keys_and_the_newest_head(self, run: Run) -> None:
        with site(answers()) as url:
            code, out, err = run(SIGNED, "--online", "--site", url)

        assert (code, err) == (0, "")
        assert f"published  yes, in a head of 5 blocks, asked {url}\n" in out

    def test_an_older_head_in_the_file_has_to_be_its_beginning(self, run: Run) -> None:
        file = {**SIGNED, "unsigned": {"published": published(4, 4)}}
        with site(answers()) as url:
            assert run(file, "--online", "--site", url)[0] == 0
        said = answers()
        said[f"{API}/heads?after=4"]["consistency"] = []
        with site(said) as url:
            code, _, err = run(file, "--online", "--site", url)

        assert code == 1
        assert "there are two ledgers" in err

    @pytest.mark.parametrize("has_head", [False, True])
    def test_a_ledger_that_has_lost_the_payment_is_false(self, run: Run, has_head: bool) -> None:
        file = {**SIGNED, "unsigned": {"published": published(4, 4)}} if has_head else SIGNED
        short = {"checkpoint": published(1, 3)["checkpoint"], "consistency": []}
        said = {"/.well-known/veche/payments": answers()["/.well-known/veche/payments"]}
        with site({**said, f"{API}/heads": short}) as url:
            code, out, err = run(file, "--online", "--site", url)

        assert (code, out) == (1, "")
        assert ("it has 3 entries, and 4 were signed" if has_head else "Keep the receipt") in err

    def test_what_is_not_published_yet_holds_and_is_said_to_be_early(self, run: Run) -> None:
        with site({**answers(), f"{API}/proof/{an_id(409)}": 503}) as url:
            code, out, _ = run(SIGNED, "--online", "--site", url)

        assert code == 0
        assert "published  not shown, its block is not published yet" in out

    @pytest.mark.parametrize(
        ("path", "answer", "code"),
        [
            ("/.well-known/veche/payments", 404, 3),
            ("/.well-known/veche/payments", 302, 3),
            ("/.well-known/veche/payments", b"x", 3),
            ("/.well-known/veche/payments", [], 3),
            ("/.well-known/veche/payments", b" " * 70_000, 3),
            ("/.well-known/veche/payments", {"api": "//evil.example", "keys": [KEY]}, 3),
            ("/.well-known/veche/payments", {"api": API, "keys": ["x"]}, 3),
            ("/.well-known/veche/payments", {"api": API, "keys": []}, 3),
            (f"{API}/proof/{an_id(409)}", 404, 3),
            (f"{API}/proof/{an_id(409)}", published(3), 1),
            (f"{API}/proof/{an_id(409)}", published(4, signer=OTHER), 1),
        ],
    )
    def test_what_a_site_says_wrongly_is_not_believed(
        self, run: Run, path: str, answer: Any, code: int
    ) -> None:
        with site({**answers(), path: answer}) as url:
            found, out, err = run(SIGNED, "--online", "--site", url)

        assert (found, out) == (code, "")
        assert err

    def test_a_site_that_is_away_is_said_to_be(self, run: Run) -> None:
        with site({}) as url:
            pass
        code, _, err = run(SIGNED, "--online", "--site", url)

        assert code == 3
        assert "cannot be reached" in err

    @each_row(
        "url", ["", "x", "http://example.org", "ftp://example.org", "https://", "https://a@b.org"]
    )
    def test_only_safe_addresses_are_asked(self, url: str) -> None:
        with pytest.raises(SiteError, match="https"):
            Site(url)

    def test_the_site_is_that_of_the_server_in_the_signer_s_name(self) -> None:
        assert site_of([ORIGIN]).url == "https://example.org"
        assert site_of(["example.org:8448/veche/ledger/v1/0"]).url == "https://example.org:8448"
        for names in ([], ["a.example/x", "b.example/x"], ["a b/x"], ["/x"], ["a@b/x"]):
            with pytest.raises(SiteError, match="one server"):
                site_of(names)
