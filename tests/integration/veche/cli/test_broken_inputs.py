"""No broken input ends a command in a traceback: whatever is missing, empty, locked or foreign."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support.postgres import database, execute
from tests.support.processes import ROOT, Child, wait_until
from veche.cli.diagnosis import machine
from veche.cli.main import main
from veche.runtime.database.migrate import KERNEL_SETS
from veche.server.installed import migration_sets, service_specs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Break = Callable[[Path], None]

pytestmark = pytest.mark.postgres

COMMANDS = {
    "migrate": ["db", "migrate"],
    "dry run": ["db", "migrate", "--dry-run"],
    "grant": ["db", "grant", "nobody_of_that_name"],
    "doctor": ["doctor"],
    "doctor, json": ["doctor", "--json"],
    "check": ["config", "check"],
    "new device": ["crypto", "new-device", "--all"],
    "rekey": ["crypto", "rekey", "--new-key", "new_key"],
    "fingerprints": ["crypto", "fingerprints"],
    "identities": ["identity", "list"],
    "webhooks": ["webhooks", "list"],
}
VECHE = (sys.executable, "-m", "veche.cli.main")
WHY = ("--why", "because")
FEATURES = {
    "restored": ["db", "restored"],
    "resync": ["crypto", "resync", "--all"],
    "export": ["crypto", "export-master", "@a:a.test"],
    "confirm": ["identity", "confirm", "@a:a.test", "x"],
    "resume events": ["webhooks", "resume", "x"],
    "documents": ["documents"],
    "ledger": ["ledger", "check"],
    "head": ["ledger", "head"],
    "statement": ["ledger", "statement", "@a:a.test", "2026-01"],
    "dead": ["ledger", "dead"],
    "retry": ["ledger", "dead", "--retry", "1"],
    "reconcile": ["ledger", "reconcile"],
    "order": ["ledger", "order", "x", "paid"],
    "file": ["ledger", "file", "x", "again"],
    "resume": ["ledger", "resume", "x"],
    "suspense": ["ledger", "suspense"],
    "to": ["ledger", "suspense", "x", "--to", "@a:a.test", *WHY],
    "payer": ["ledger", "suspense", "x", "--payer", "@a:a.test", *WHY],
    "loss": ["ledger", "suspense", "x", "--loss", *WHY],
    "settle": ["ledger", "settle", "b.test", "paid", "1.00 EUR"],
    "day": ["ledger", "export", "b.test", "2026-01-31"],
}
"""Those that read a configuration and a database, beside the ones above."""
WITHOUT_DATABASE = {
    "key": ["ledger", "key", "--bank", "x"],
    "no day": ["ledger", "export", "b.test", "2026-02-30"],
    "no month": ["ledger", "statement", "@a:a.test", "2026-13"],
    "no payer": ["ledger", "suspense", "x", "--payer", "a", *WHY],
    "no why": ["ledger", "suspense", "x", "--loss"],
}
OFFLINE = {
    "renew": ["renew", "IT", "--tsa", "http://127.0.0.1:1", "--root", "IT"],
    "verify": ["verify", "IT", "--root", "IT"],
    "believe": ["verify", "IT", "--key", "IT"],
    "witness key": ["witness", "key", "w.test/1", "--out", "IT"],
    "seal of an authority": [
        *("ca", "seal", "id", "N", "--site", "http://127.0.0.1:1", "--folder", "IT"),
        *("--passphrase-path", "IT"),
    ],
    "lists": ["ca", "lists", "--folder", "IT", "--passphrase-path", "IT"],
    "revoke": [
        *("ca", "revoke", "1", "--reason", "key_compromise", "--folder", "IT"),
        *("--passphrase-path", "IT"),
    ],
    "authority": ["ca", "show", "--folder", "IT"],
    "service": ["service", "check", "IT"],
    "try": ["service", "try", "IT"],
    "template": ["template", "check", "IT"],
    "try a template": ["template", "try", "IT", "IT"],
    "fill": ["template", "fill", "IT", "IT", "IT"],
}
"""Those that read files alone: each of these is the broken one."""
FILES = ("veche.yaml", "as_token", "operator_key", "new_key", "database_password")
START_S_MAX = 60


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 300)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def locked(path: Path) -> None:
    path.chmod(0)


def short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:31])


BREAKS = (emptied, noise, folder, gone, loop, locked, short)
DATABASES = {
    "no server": "host=/nowhere dbname=a",
    "no such port": "host=127.0.0.1 port=1 dbname=a",
    "no such role": "user=nobody_of_that_name",
    "no such database": "dbname=nothing_of_that_name",
    "a certificate that is none": "sslmode=verify-full host=127.0.0.1 port=1",
    "no tables": "",
}


@pytest.fixture(autouse=True)
def _without_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor imports the homeserver's modules in processes: not hundreds of times here."""
    monkeypatch.setattr(machine, "EVERYWHERE", ())


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A configuration that only its database could be wrong of."""
    for name in ("as_token", "hs_token", "operator_key", "new_key", "database_password"):
        (tmp_path / name).write_text(name.ljust(32, ".")[:32])
        (tmp_path / name).chmod(0o600)
    configure(tmp_path, "host=/nowhere dbname=a")
    return tmp_path


def configure(etc: Path, dsn: str) -> None:
    (etc / "veche.yaml").write_text(
        "homeserver: {url: 'http://127.0.0.1:1', server_name: a.test, as_token_path: as_token,"
        " hs_token_path: hs_token, registration_path: registration.yaml}\n"
        f"database: {{url: {dsn!r}, password_path: database_password}}\n"
        "listen: {port: 0}\ncrypto: {key_path: operator_key}\n"
        "payments: {id: a, name: {en: A}, time_zone: UTC, currencies: [EUR]}\n"
    )


def said(words: list[str], etc: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says; it fails, and no exception leaves it."""
    here = [str(etc / word) if word in FILES else word for word in words]
    option = [] if words[0] == "config" else ["-c"]
    code = main([*here, *option, str(etc / "veche.yaml")])
    found = capsys.readouterr()
    assert code == 1, found
    assert found.out + found.err != ""
    assert "Traceback" not in found.out + found.err
    assert "the check itself failed" not in found.out
    return found.out + found.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.__name__)
def test_no_broken_file_is_a_traceback(
    command: str, broken: Break, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in FILES:
        kept = etc.parent / "kept"
        shutil.copytree(etc, kept, symlinks=True)
        broken(etc / name)
        # The database does not answer either, so that each of them fails in the end.
        assert said(COMMANDS[command], etc, capsys)
        shutil.rmtree(etc, ignore_errors=True)
        kept.rename(etc)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with database() as dsn:
        yield dsn


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (command, kind)
        for command in COMMANDS
        for kind in DATABASES
        # `check` asks no database, and those that migrate want none with tables.
        if command != "check" and not (kind == "no tables" and command in {"migrate", "dry run"})
    ],
)
def test_no_broken_database_is_a_traceback(
    command: str, kind: str, server: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(etc, make_dsn(server, **parse_dsn(DATABASES[kind])))

    assert said(COMMANDS[command], etc, capsys)


@pytest.mark.parametrize("command", FEATURES)
def test_no_command_of_a_feature_ends_in_a_traceback(
    command: str, server: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("no such port", "no such database", "no tables"):
        configure(etc, make_dsn(server, **parse_dsn(DATABASES[kind])))
        assert said(FEATURES[command], etc, capsys)
    for broken in BREAKS:
        (etc / "veche.yaml").unlink(missing_ok=True)
        configure(etc, "host=/nowhere dbname=a")
        broken(etc / "veche.yaml")
        assert said(FEATURES[command], etc, capsys)
        if (etc / "veche.yaml").is_dir():
            (etc / "veche.yaml").rmdir()


@pytest.mark.parametrize("command", WITHOUT_DATABASE)
def test_a_wrong_word_is_told_before_any_database_is_asked(
    command: str, server: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(etc, make_dsn(server))
    assert said(WITHOUT_DATABASE[command], etc, capsys)


@pytest.mark.parametrize("command", OFFLINE)
def test_no_broken_file_of_an_offline_command_is_a_traceback(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for broken in BREAKS:
        it = tmp_path / broken.__name__
        it.write_bytes(b"x" * 40)
        broken(it)
        if command in {"witness key", "try a template"} and broken is gone:
            continue  # it is the name of what is made
        code = main([str(it) if word == "IT" else word for word in OFFLINE[command]])
        found = capsys.readouterr()
        assert code not in {0, 2}, (broken.__name__, found)
        assert found.out + found.err != ""
        assert "Traceback" not in found.out + found.err


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "check"])
def test_a_role_that_may_do_nothing_is_told_so(
    command: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(*KERNEL_SETS) as dsn:
        execute(dsn, "CREATE ROLE veche_stranger LOGIN")
        try:
            configure(etc, make_dsn(dsn, user="veche_stranger"))
            assert "permission denied" in said(COMMANDS[command], etc, capsys)
        finally:
            execute(dsn, "DROP ROLE veche_stranger")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda etc: gone(etc / "veche.yaml"), "No such file"),
        (lambda etc: short(etc / "operator_key"), "31 bytes"),
        pytest.param(lambda etc: emptied(etc / "as_token"), "is empty", marks=pytest.mark.long),
        pytest.param(
            lambda etc: folder(etc / "hs_token"), "Is a directory", marks=pytest.mark.long
        ),
        (lambda etc: configure(etc, "host=/nowhere dbname=a"), "does not answer: connection"),
    ],
    ids=["no file", "key", "token", "folder", "database"],
)
def test_what_keeps_the_services_from_starting_is_a_line(
    broken: Break, words: str, etc: Path
) -> None:
    with database(*migration_sets({"payments": service_specs()["payments"]})) as dsn:
        configure(etc, dsn)
        broken(etc)
        command = (*VECHE, "run", "all", "-c", str(etc / "veche.yaml"))
        services = Child(command, ROOT, etc.parent / "said", {"PYTHONWARNINGS": "ignore"})
        services.start()
        wait_until(lambda: not services.is_running, START_S_MAX, "they do not end")

    assert services.exit_code == 1
    assert words in services.log()
    assert "Traceback" not in services.log()
