"""`veche doctor` and `veche run` with a real Synapse and PostgreSQL, broken one way after another.

The order of the tests is that of a first set-up: nothing is there yet, then one thing after
another is mended, then it is broken again.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

import attrs
import pytest

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, Child, free_ports
from tests.support.synapse import Homeserver
from tests.support.synapse import homeserver as running_homeserver
from veche.cli.demo import world
from veche.cli.diagnosis.finding import Patient
from veche.cli.doctor import CHECKS, diagnose
from veche.cli.main import main
from veche.cli.processes.homeserver import is_healthy
from veche.server.demo import kept
from veche.server.installed import read_config, service_specs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from veche.cli.diagnosis.finding import Finding

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.synapse,
    pytest.mark.skipif(
        not entry_points(group="veche.services"),
        reason="Veche is not installed in this Python, so it finds no services: ./run test",
    ),
]

READY_S_MAX: Final = 180


@attrs.frozen
class Installation:
    """A Synapse, an empty database, and a configuration that names both."""

    server: Homeserver
    dsn: str
    config: Path
    port: int

    def bad(self) -> dict[str, Finding]:
        """What the doctor finds wrong, by name of the check."""
        specs = service_specs()
        config = read_config(self.config, specs)
        patient = Patient(config, specs, config.database.dsn(), self._now_s)
        return {one.name: one for one in diagnose(patient, CHECKS) if not one.is_ok}

    def _now_s(self) -> float:
        rows = execute(self.dsn, "SELECT extract(epoch FROM clock_timestamp())::float8")
        assert isinstance(rows[0][0], float)
        return rows[0][0]

    def services(self) -> Child:
        """`veche run all`, not started."""
        command = [sys.executable, "-m", "veche.cli.main", "run", "all", "-c", str(self.config)]
        return Child(command, ROOT, self.config.parent / "services.log")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("doctor")
    (port,) = free_ports(1)
    with (
        database() as dsn,
        running_homeserver(folder / "hs", appservice_url=f"http://127.0.0.1:{port}") as server,
    ):
        config = folder / "veche.yaml"
        config.write_text(
            world.services_configuration(
                server.plan,
                port=port,
                database_url=dsn,
                operator_key=kept(folder / "operator_key", bytes(32)),
                sections={
                    "agency": office_demo.agency_section(ROOT / "config" / "services"),
                    "payments": payments_demo.payments_section(),
                },
            )
        )
        yield Installation(server, dsn, config, port)


@pytest.fixture(scope="module")
def services(installation: Installation) -> Iterator[Child]:
    """`veche run all`, ready."""
    assert main(["db", "migrate", "-c", str(installation.config)]) == 0
    child = installation.services()
    child.start()
    try:
        child.wait_for(lambda: is_healthy(installation.port, "/ready"), READY_S_MAX, "the services")
        yield child
    finally:
        child.stop()


def test_before_the_tables_are_made(installation: Installation) -> None:
    bad = installation.bad()
    assert set(bad) == {"tables", "ping", "pushes", "bots", "witnesses", "matters"}
    assert bad["tables"].what.endswith("first runtime/0001_inbox_outbox")
    assert bad["tables"].mend == "veche db migrate"
    assert "M_CONNECTION_FAILED" in bad["ping"].what
    assert "start `veche run`" in bad["ping"].mend
    assert bad["bots"].what == "not looked at, since tables must be mended first"


def test_run_refuses_a_database_without_tables(installation: Installation) -> None:
    child = installation.services()
    child.start()
    with pytest.raises(RuntimeError):
        child.wait_for(lambda: is_healthy(installation.port, "/ready"), READY_S_MAX, "services")
    assert "the database lacks runtime/0001_inbox_outbox: veche db migrate" in child.log()
    assert "Traceback" not in child.log()


@pytest.mark.usefixtures("services")
def test_when_everything_runs_all_is_well(installation: Installation) -> None:
    assert installation.bad() == {}


@pytest.mark.usefixtures("services")
def test_the_command_says_so(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "-c", str(installation.config)]) == 0
    out = capsys.readouterr().out
    assert "ok  bots: their devices are signed" in out
    for secret in (installation.server.as_token, installation.server.hs_token):
        assert secret not in out


@pytest.mark.usefixtures("services")
def test_a_bot_whose_device_lost_its_signature(installation: Installation) -> None:
    execute(installation.dsn, "UPDATE crypto.device SET device_id = device_id || 'X'")
    try:
        bad = installation.bad()
    finally:
        execute(installation.dsn, "UPDATE crypto.device SET device_id = left(device_id, -1)")
    assert set(bad) == {"bots"}
    assert "is not signed by its identity" in bad["bots"].what


@pytest.mark.usefixtures("services")
def test_a_bot_with_another_identity(installation: Installation) -> None:
    execute(installation.dsn, "UPDATE crypto.identity SET master_key = reverse(master_key)")
    try:
        bad = installation.bad()
    finally:
        execute(installation.dsn, "UPDATE crypto.identity SET master_key = reverse(master_key)")
    assert set(bad) == {"bots"}
    assert "shows another identity" in bad["bots"].what


@pytest.mark.usefixtures("services")
def test_an_as_token_that_the_homeserver_does_not_know(installation: Installation) -> None:
    path = installation.server.plan.folder / "as_token"
    token = path.read_text()
    path.write_text("another-token-than-that-of-the-registration-0123456789")
    try:
        bad = installation.bad()
    finally:
        path.write_text(token)
    assert set(bad) == {"registration", "loading", "ping", "pushes", "bots"}
    assert "its as_token is not that of" in bad["registration"].what
    assert "has not loaded the registration" in bad["loading"].what


@pytest.mark.usefixtures("services")
def test_another_id_than_that_of_the_registration(installation: Installation) -> None:
    text = installation.config.read_text()
    installation.config.write_text(text.replace("appservice_id: veche", "appservice_id: other"))
    try:
        bad = installation.bad()
    finally:
        installation.config.write_text(text)
    assert set(bad) == {"registration", "ping", "pushes"}
    assert "make homeserver.appservice_id the id of the registration" in bad["ping"].mend


@pytest.mark.usefixtures("services")
def test_a_database_of_a_newer_release(installation: Installation) -> None:
    execute(
        installation.dsn,
        "INSERT INTO veche.migration (schema, number, name, sha256, compat)"
        " VALUES ('runtime', 999, 'later', sha256(''), 999)",
    )
    try:
        bad = installation.bad()
    finally:
        execute(installation.dsn, "DELETE FROM veche.migration WHERE number = 999")
    assert set(bad) == {"tables", "pushes", "bots", "witnesses", "matters"}
    assert "belongs to a newer Veche" in bad["tables"].what


def test_run_ends_in_order_when_it_is_told_to(installation: Installation, services: Child) -> None:
    assert services.stop() == 0
    assert "Traceback" not in services.log()
    assert set(installation.bad()) == {"ping", "pushes"}
