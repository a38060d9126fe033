"""The public key of which a bank is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from veche.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SEED = bytes(range(32))


def test_the_key_that_a_bank_is_given_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bank_key").write_bytes(base64.b64encode(SEED))
    (tmp_path / "bank_key").chmod(0o600)
    path = tmp_path / "veche.yaml"
    path.write_text(
        "homeserver: {url: 'http://127.0.0.1:1', server_name: a.test, as_token_path: a,"
        " hs_token_path: b}\ndatabase: {url: 'dbname=a'}\ncrypto: {key_path: key}\n"
        "payments:\n  id: a\n  name: {en: A}\n  time_zone: UTC\n  currencies: [EUR]\n"
        "  banks: [{name: demo, url: 'http://127.0.0.1:1', account: DE93999999990000000001,"
        " key_path: bank_key, rail: demo, currency: EUR}]\n"
    )

    assert main(["ledger", "key", "--bank", "demo", "-c", str(path)]) == 0
    said = capsys.readouterr().out
    assert base64.b64decode(said) == bytes(SigningKey(SEED).verify_key)

    assert main(["ledger", "key", "--bank", "other", "-c", str(path)]) == 1
    assert "other: it is not in payments.banks" in capsys.readouterr().err
