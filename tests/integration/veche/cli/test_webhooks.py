"""`veche webhooks` on a real PostgreSQL: who hears nothing any more, and sending again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import database, execute
from veche.cli.main import main
from veche.runtime.database.migrate import KERNEL_SETS
from veche.server import installed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postgres


def test_targets_are_listed_and_sent_to_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)
    config = tmp_path / "veche.yaml"
    with database(*KERNEL_SETS) as dsn:
        config.write_text(
            "homeserver: {url: http://127.0.0.1:1, server_name: veche.test, as_token_path: a,"
            f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {{url: {dsn!r}}}\n"
        )
        where = ["-c", str(config)]

        assert main(["webhooks", "list", *where]) == 0
        assert "no organisation" in capsys.readouterr().out
        execute(
            dsn,
            "INSERT INTO runtime.webhook (id, feed, owner, url, state, cursor, failures,"
            " failing_since_ms, why, due_at_ms, made_at_ms) VALUES"
            " ('good', 'signing', 'town', 'https://a.test/x', 'active', 9, 0, NULL, NULL, 0, 0),"
            " ('gone', 'signing', 'town', 'https://b.test:8/secret?k=1', 'disabled', 3, 2, 5,"
            " 'status 410', 0, 0) RETURNING 1",
        )
        assert main(["webhooks", "list", *where]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert main(["webhooks", "resume", "other", *where]) == 1
        assert "there is no such webhook" in capsys.readouterr().err
        assert main(["webhooks", "resume", "gone", *where]) == 0
        found = execute(
            dsn, "SELECT state, cursor, failures FROM runtime.webhook WHERE id = 'gone'"
        )

    assert lines == [
        "gone  signing  b.test:8  DISABLED after event 3, failed 2 times: status 410",
        "good  signing  a.test  active after event 9",
    ]
    assert found == [("active", 3, 0)]
