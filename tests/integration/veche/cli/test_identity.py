"""`veche identity` on a real PostgreSQL: who has a new identity, and confirming it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.postgres import database, execute
from tests.support.said import opened
from veche.cli.main import main
from veche.runtime.database.migrate import KERNEL_SETS
from veche.server import installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres

ALICE = "@alice:veche.test"
BOT = "@veche_town:veche.test"
BEFORE, NOW, LATER = "A" * 43, "B" * 43, "C" * 43
SHOWN = " ".join(NOW[at : at + 4] for at in range(0, len(NOW), 4))


class Office:
    """A configuration, and a database in which Alice has another identity than before."""

    def __init__(self, folder: Path, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.dsn = dsn
        self._file = folder / "veche.yaml"
        self._capsys = capsys
        self.key(folder, OPERATOR_KEY.secret)
        self._file.write_text(
            "homeserver: {url: http://127.0.0.1:1, server_name: veche.test, as_token_path: a,"
            f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {{url: {dsn!r}}}\n"
        )
        for statement, *values in (
            (
                (
                    "INSERT INTO crypto.person (user_id, master_key, master_pinned)"
                    " VALUES (%s, %s, %s)"
                ),
                ALICE,
                NOW,
                BEFORE,
            ),
            (
                (
                    "INSERT INTO runtime.bot (user_id, display_name, organisation)"
                    " VALUES (%s, 'Town', 'town')"
                ),
                BOT,
            ),
            ("INSERT INTO runtime.room (room_id, looked_at_ms) VALUES ('!a', 1)",),
            ("INSERT INTO runtime.room_bot (room_id, bot) VALUES ('!a', %s)", BOT),
            (
                (
                    "INSERT INTO crypto.room (room_id, is_encrypted, rotation_ms,"
                    " rotation_messages, history_visibility) VALUES ('!a', TRUE, 1, 1, 'joined')"
                ),
            ),
            (
                (
                    "INSERT INTO runtime.room_member (room_id, user_id, membership)"
                    " VALUES ('!a', %s, 'join'), ('!a', %s, 'join')"
                ),
                ALICE,
                BOT,
            ),
        ):
            execute(dsn, statement, *values)

    def key(self, folder: Path, secret: bytes) -> None:
        (folder / "key").write_bytes(secret)
        (folder / "key").chmod(0o600)

    def do(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        code = main(["identity", *words, "-c", str(self._file)])
        return (code, *self._capsys.readouterr())

    def pinned(self) -> object:
        [(pinned,)] = execute(self.dsn, "SELECT master_pinned FROM crypto.person")
        return pinned

    def told(self) -> list[str]:
        key = OPERATOR_KEY.seed("pseudonym")
        rows = execute(self.dsn, "SELECT content FROM runtime.outbox")
        return [str(opened(content, key)["body"]) for (content,) in rows]


@pytest.fixture
def office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)
    with database(*KERNEL_SETS) as dsn:
        yield Office(tmp_path, dsn, capsys)


def test_who_was_seen_with_the_number_on_their_device_is_confirmed_and_told(
    office: Office,
) -> None:
    _, listed, _ = office.do("list")

    code, out, _ = office.do("confirm", ALICE, *SHOWN.split())

    assert f"{ALICE}\n" in listed
    assert f"  now     {SHOWN}\n" in listed
    assert (code, out) == (0, f"{ALICE}: confirmed; a bot tells them\n")
    assert office.pinned() == NOW
    [body] = office.told()
    assert body.startswith("The operator of this service confirmed the new identity")
    assert office.do("list")[1] == "every identity is the one that was pinned\n"


@pytest.mark.parametrize("person", [ALICE, "@nobody:veche.test"])
def test_another_number_or_person_confirms_nothing(office: Office, person: str) -> None:
    code, out, err = office.do("confirm", person, LATER)

    assert (code, out) == (1, "")
    assert ("nothing was changed" in err) == (person == ALICE)
    assert (office.pinned(), office.told()) == (BEFORE, [])


def test_an_identity_is_confirmed_once(office: Office) -> None:
    office.do("confirm", ALICE, SHOWN)

    code, _, err = office.do("confirm", ALICE, SHOWN)

    assert code == 1
    assert "has no new identity here" in err
    assert len(office.told()) == 1


def test_a_later_identity_or_device_of_who_had_none_is_listed_and_confirmed(office: Office) -> None:
    execute(
        office.dsn,
        "UPDATE crypto.person SET master_key = NULL, master_pinned = NULL, pinned_at_ms = 1",
    )
    execute(
        office.dsn,
        "INSERT INTO crypto.person_device VALUES (%s, 'TABLET', 'curve', %s, FALSE)",
        ALICE,
        LATER,
    )
    listed = office.do("list")[1]

    code, _, _ = office.do("confirm", ALICE, LATER)

    assert f"{ALICE}\n  before  none, only devices\n" in listed
    assert code == 0
    assert execute(office.dsn, "SELECT device_id FROM crypto.pinned_device") == [("TABLET",)]
    execute(office.dsn, "UPDATE crypto.person SET master_key = %s", NOW)
    assert f"  now     {SHOWN}\n" in office.do("list")[1]
    assert office.do("confirm", ALICE, SHOWN)[0] == 0
    assert office.pinned() == NOW
