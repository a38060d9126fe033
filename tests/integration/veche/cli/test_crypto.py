"""`veche crypto` on a real PostgreSQL, with bots whose devices have spoken."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest
from mnemonic import Mnemonic

from tests.integration.veche.runtime.crypto.desk import Desk, Server, run
from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.crypto_peers import ANNA, BOT, Side
from tests.support.postgres import database, execute
from veche.cli import crypto
from veche.cli.main import main
from veche.protocol.ids import UserId
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.crypto.core.identity import new_identity
from veche.runtime.crypto.keys import OperatorKey, WrongOperatorKeyError, read_operator_key
from veche.runtime.crypto.start import take_over
from veche.runtime.crypto.store.devices import LOCK_NAME
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.database import transactions
from veche.runtime.database.embedded import is_running
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault
from veche.server import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

OTHER = "@veche_other:veche.test"
FRESH_KEY = OperatorKey(b"n" * 32)
NEW_KEY = FRESH_KEY.following(OPERATOR_KEY)


class Office:
    """A configuration, its keys, and a database."""

    def __init__(self, folder: Path, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.dsn = dsn
        self._capsys = capsys
        self.key("key", OPERATOR_KEY.secret)
        self.key("new", FRESH_KEY.secret)
        self.configure(dsn)

    def key(self, name: str, secret: bytes) -> None:
        (self.folder / name).write_bytes(secret)
        (self.folder / name).chmod(0o600)

    def configure(self, dsn: str) -> None:
        (self.folder / "veche.yaml").write_text(
            "homeserver: {url: http://127.0.0.1:1, server_name: veche.test, as_token_path: a,"
            f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {{url: {dsn!r}}}\n"
        )

    def do(self, *words: str) -> str:
        """What a command that succeeds prints."""
        assert main(["crypto", *words, "-c", str(self.folder / "veche.yaml")]) == 0
        return self._capsys.readouterr().out

    def refuse(self, *words: str) -> str:
        """What a command says that fails; it prints nothing else."""
        before = self.dump()
        assert main(["crypto", *words, "-c", str(self.folder / "veche.yaml")]) == 1
        out, err = self._capsys.readouterr()
        assert (out, self.dump()) == ("", before)
        return err

    def rekey(self, *more: str) -> tuple[str, ...]:
        return ("rekey", "--new-key", str(self.folder / "new"), *more)

    def dump(self) -> list[tuple[object, ...]]:
        return [
            *execute(self.dsn, "SELECT i FROM crypto.identity i ORDER BY 1"),
            *execute(self.dsn, "SELECT d FROM crypto.device d ORDER BY 1"),
        ]


@pytest.fixture
def office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)
    with database(*KERNEL_SETS) as dsn:
        yield Office(tmp_path, dsn, capsys)


@pytest.fixture
def desk(office: Office) -> Iterator[Desk]:
    """A bot that people know."""
    with closing(Desk(office.dsn, Server())) as desk:
        desk.database.execute("UPDATE crypto.identity SET published_at_ms = 1")
        yield desk


def add_bot(desk: Desk, bot: str = OTHER, key: OperatorKey = OPERATOR_KEY) -> None:
    """One more bot with a device."""
    stands_in: object = desk.database
    run(take_over(stands_in, key, UserId(bot), desk.now_ms))  # type: ignore[arg-type]  # as Desk


def devices(desk: Desk) -> dict[str, str]:
    """Ids of the devices that are not retired, by bot."""
    rows = desk.database.execute(
        "SELECT user_id, device_id FROM crypto.device WHERE retired_at_ms IS NULL"
    )
    return dict(rows)


def typed(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))


# new-device


def test_a_bot_gets_a_new_device_and_the_others_keep_theirs(office: Office, desk: Desk) -> None:
    add_bot(desk)
    before = devices(desk)

    said = office.do("new-device", BOT)

    after = devices(desk)
    assert after[BOT] != before[BOT]
    assert after[OTHER] == before[OTHER]
    assert said.startswith(f"{BOT}: new device {after[BOT]}\nA running `veche run` goes on")
    with pytest.raises(LostWriterError):
        desk.seal()


def test_all_bots_get_new_devices(office: Office, desk: Desk) -> None:
    add_bot(desk)
    before = devices(desk)

    said = office.do("new-device", "--all")

    after = devices(desk)
    assert set(after) == {BOT, OTHER}
    assert not set(after.values()) & set(before.values())
    assert all(f"{bot}: new device {after[bot]}\n" in said for bot in after)


def test_a_bot_that_is_named_twice_gets_one_device(office: Office, desk: Desk) -> None:
    office.do("new-device", BOT, BOT)

    assert desk.database.execute("SELECT count(*) FROM crypto.device") == [(2,)]


@pytest.mark.parametrize("name", ["new-device", "resync"])
def test_one_unknown_bot_refuses_all_that_are_named(office: Office, desk: Desk, name: str) -> None:
    del desk
    assert office.refuse(name, BOT, "@veche_desc:veche.test") == (
        f"veche: there is no bot @veche_desc:veche.test in this database; did you mean '{BOT}'?\n"
    )


@pytest.mark.parametrize("name", ["new-device", "resync"])
def test_all_of_no_bots_is_refused(office: Office, name: str) -> None:
    assert office.refuse(name, "--all") == "veche: no bot has a device in this database\n"


def test_an_unknown_bot_of_an_empty_database_is_told_that(office: Office) -> None:
    assert f"there is no bot {BOT} in this database; it has none" in office.refuse("resync", BOT)


def test_a_new_device_under_a_wrong_key_is_refused(office: Office, desk: Desk) -> None:
    del desk
    office.key("key", b"w" * 32)

    err = office.refuse("new-device", "--all")

    assert re.search(rf"crypto.key_path holds operator key \w+, .* under {OPERATOR_KEY.name}", err)


# resync


def test_a_bot_reads_its_channel_from_the_beginning(office: Office, desk: Desk) -> None:
    desk.step(desk.answer(pos="4", since="9"))

    assert office.do("resync", BOT) == f"{BOT}: asks for all keys anew\n"

    rows = desk.database.execute("SELECT position, to_device_since FROM crypto.device")
    assert rows == [(None, None)]


# export-master


def test_the_seed_is_shown_as_words_and_base64_and_is_that_of_the_bot(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, f"{BOT}\n")

    page = office.do("export-master", BOT)

    [base64] = re.findall(r"As base64: (\S+)", page)
    words = re.findall(r"^ ?(?:\d+ [a-z]+ *)+$", page, re.MULTILINE)
    seed = Mnemonic("english").to_entropy(re.findall(r"[a-z]+", " ".join(words)))
    assert encode_base64(bytes(seed)) == base64
    [(master_key,)] = desk.database.execute("SELECT master_key FROM crypto.identity")
    assert new_identity(BOT, (decode_base64(base64), bytes(32), bytes(32))).master_key == master_key


def test_a_seed_is_shown_once(office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    del desk
    typed(monkeypatch, f"{BOT}\n")
    office.do("export-master", BOT)
    typed(monkeypatch, f"{BOT}\n")

    assert "the master key of @veche_desk:veche.test was exported before" in office.refuse(
        "export-master", BOT
    )


@pytest.mark.parametrize("line", ["", "\n", "yes\n", f"{OTHER}\n"])
def test_nothing_is_shown_unless_the_bots_id_is_typed(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    del desk
    typed(monkeypatch, line)

    assert office.refuse("export-master", BOT).endswith(
        f"type {BOT}: veche: not confirmed: nothing was shown or changed\n"
    )


def test_a_seed_that_could_not_be_shown_is_kept(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk

    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    before = office.dump()
    typed(monkeypatch, f"{BOT}\n")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert main(["crypto", "export-master", BOT, "-c", f"{office.folder}/veche.yaml"]) == 1

    assert office.dump() == before


def test_a_seed_that_is_not_public_yet_stays(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.database.execute("UPDATE crypto.identity SET published_at_ms = NULL")
    typed(monkeypatch, f"{BOT}\n")

    assert "is not public yet: start the bot once first" in office.refuse("export-master", BOT)


def test_a_seed_under_another_key_is_not_exported(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk
    office.key("key", b"w" * 32)
    typed(monkeypatch, f"{BOT}\n")

    assert "bring that key back" in office.refuse("export-master", BOT)


def test_an_unknown_bot_is_refused_before_anything_is_typed(office: Office, desk: Desk) -> None:
    del desk
    assert office.refuse("export-master", OTHER).startswith("veche: there is no bot @veche_other")


# rekey


def test_everything_is_under_the_new_key_and_the_bot_goes_on(office: Office, desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    before = desk.say("before")

    said = office.do(*office.rekey())

    assert said.startswith(f"sealed under key {NEW_KEY.name}: 1 identities, 1 devices\n")
    with pytest.raises(LostWriterError):
        desk.seal()
    with closing(Desk(office.dsn, desk.server, NEW_KEY)) as new:
        assert new.say("after")["session_id"] == before["session_id"]
    assert len(anna.inbox("m.room_key")) == 1


def test_a_rekey_may_be_done_again_with_what_came_under_the_old_key_meanwhile(
    office: Office, desk: Desk
) -> None:
    office.do(*office.rekey())
    add_bot(desk)

    assert "1 identities, 1 devices" in office.do(*office.rekey())
    assert "0 identities, 0 devices" in office.do(*office.rekey())


def test_what_services_have_made_stays_as_it_is_over_several_changes(
    office: Office, desk: Desk
) -> None:
    del desk
    sealed = Vault(OPERATOR_KEY.seed("signing")).seal({"title": "Lease"})
    for number in (1, 2):
        (office.folder / "new").chmod(0o640)  # a group of services reads it
        office.do(*office.rekey())
        read = read_operator_key(office.folder / "new")
        assert (len(read.to_bytes()), (office.folder / "new").stat().st_mode & 0o777) == (64, 0o640)
        assert Vault(read.seed("signing")).open(sealed) == {"title": "Lease"}
        assert read.seed("payments.receipts") == OPERATOR_KEY.seed("payments.receipts")
        (office.folder / "new").replace(office.folder / "key")
        office.key("new", bytes([number]) * 32)


def test_the_new_key_without_what_it_carries_on_opens_nothing(office: Office, desk: Desk) -> None:
    office.do(*office.rekey())
    office.key("key", FRESH_KEY.secret)
    office.key("new", b"z" * 32)

    assert f"crypto.key_path holds {FRESH_KEY.name}" in office.refuse(*office.rekey())
    with pytest.raises(WrongOperatorKeyError, match=NEW_KEY.name):
        add_bot(desk, BOT, FRESH_KEY)


def test_a_key_that_follows_another_one_is_refused(office: Office, desk: Desk) -> None:
    del desk
    office.key("new", FRESH_KEY.secret + b"x" * 32)

    assert "was made to follow another operator key" in office.refuse(*office.rekey())


def test_a_crash_between_file_and_database_is_mended_by_doing_it_again(
    office: Office, desk: Desk
) -> None:
    del desk
    office.key("new", NEW_KEY.to_bytes())

    assert "1 identities, 1 devices" in office.do(*office.rekey())


def test_a_file_that_cannot_be_written_changes_nothing(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    del desk

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(crypto, "write_private", refused)

    assert "has to be able to write it" in office.refuse(*office.rekey())


def test_a_running_process_is_not_surprised_by_a_new_key(office: Office, desk: Desk) -> None:
    with closing(psycopg2.connect(office.dsn)) as process, process.cursor() as txn:
        txn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (LOCK_NAME + BOT,))
        process.commit()

        err = office.refuse(*office.rekey())
        done = office.do(*office.rekey("--while-running"))

    assert err.startswith(
        f"veche: a running process speaks for {BOT}: stop every `veche run` first."
    )
    assert "1 identities" in done
    assert desk.database.execute("SELECT sealed_under FROM crypto.identity") == [(NEW_KEY.name,)]


def test_a_database_under_a_third_key_is_refused(office: Office, desk: Desk) -> None:
    del desk
    office.key("key", b"w" * 32)

    assert office.refuse(*office.rekey()).startswith(
        f"veche: the database was sealed under operator key {OPERATOR_KEY.name}, but"
        " crypto.key_path holds "
    )


# fingerprints


def test_bots_are_listed_for_publishing_without_any_key(office: Office, desk: Desk) -> None:
    (office.folder / "key").unlink()
    add_bot(desk)
    [(master,)] = desk.database.execute(
        "SELECT master_key FROM crypto.identity WHERE user_id = %s", BOT
    )

    first, second = office.do("fingerprints").splitlines()

    bot, device_id, fingerprint = first.split("  ")
    assert (bot, device_id) == (BOT, devices(desk)[BOT])
    assert (fingerprint[:9], fingerprint.replace(" ", "")) == (
        f"{master[:4]} {master[4:8]}",
        master,
    )
    assert second.startswith(f"{OTHER}  {devices(desk)[OTHER]}  ")
    assert second.endswith("  (not public yet)")


def test_a_bot_without_device_is_listed_too(office: Office, desk: Desk) -> None:
    desk.database.execute("UPDATE crypto.device SET retired_at_ms = 1")

    assert office.do("fingerprints").startswith(f"{BOT}  -  ")


def test_no_bots_are_no_fingerprints(office: Office) -> None:
    assert "no bot has keys in this database yet" in office.refuse("fingerprints")


# The database


def test_a_database_that_is_not_there_is_named(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.configure(re.sub(r"dbname=\w+", "dbname=nowhere", office.dsn))

    assert main(["crypto", "fingerprints", "-c", str(office.folder / "veche.yaml")]) == 1

    assert 'database "nowhere" does not exist' in capsys.readouterr().err


def test_a_database_without_tables_is_not_filled(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    with database() as empty:
        office.configure(empty)
        assert main(["crypto", "new-device", "--all", "-c", f"{office.folder}/veche.yaml"]) == 1
        assert execute(empty, "SELECT to_regnamespace('crypto')") == [(None,)]

    err = capsys.readouterr().err
    assert err.startswith("veche: the database lacks runtime/0001_")
    assert f"veche db migrate -c {office.folder}" in err


def test_a_bot_that_is_in_the_middle_of_something_is_waited_for_and_then_told_of(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LOCK_TIMEOUT_MS", 200)
    with closing(psycopg2.connect(office.dsn)) as process, process.cursor() as txn:
        txn.execute("SELECT 1 FROM crypto.device FOR NO KEY UPDATE")

        err = office.refuse("new-device", BOT)

    assert err.startswith("veche: the database cannot do it now, try again: canceling statement")
    assert len(devices(desk)) == 1


def test_a_folders_server_runs_for_the_while_only(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not pytest's tmp_path: as root, the server's user could not pass through its folders.
    with tempfile.TemporaryDirectory(prefix="veche-") as top:
        folder = Path(top) / "pg"
        config = office.folder / "veche.yaml"
        config.write_text(config.read_text().partition("database:")[0] + "database: ")
        with config.open("a") as file:
            file.write(f"{{folder: {str(folder)!r}}}\n")
        assert main(["db", "migrate", "-c", str(config)]) == 0

        assert main(["crypto", "fingerprints", "-c", str(config)]) == 1

        assert not is_running(folder)
    assert "no bot has keys in this database yet" in capsys.readouterr().err
